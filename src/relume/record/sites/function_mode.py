"""Captures acts as they are called, in a function mode, where there is no graph to read.

Three places need it: regions whose saved tensors are packed (checkpointing, offload), networks
that are not trained and so make no graph, and forwards under `no_grad` inside a training step. The
mode is active only while such a forward runs on a recorded step. It calls each function with its
arguments unchanged.
"""

import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from relume.acts.act import Act, Node, by_node
from relume.acts.recognise import act_functions
from relume.instrument.mode_stack import remove_mode
from relume.instrument.module_names import user_frame
from relume.instrument.private_names import DisableTorchFunction, sequence_number
from relume.instrument.private_names import is_functorch_wrapped as wrapped
from relume.instrument.replaced_call import without_replacement
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, name_of
from relume.record.measure.act_stats import sample
from relume.record.sites.module_trace import ModuleTrace, packing

# Layers with a fused path in eval mode, which they would not take under a function mode.
FUSED = (nn.TransformerEncoderLayer, nn.TransformerEncoder, nn.MultiheadAttention)
MOST_CAPTURED = 512  # acts captured on one step, each with a sample of at most 128 KB

PARAMETERS_EVERY = 8  # records after which a root's parameters are listed again

# Functions that return an act's input, and the axis of its units (None: the last one).
_PRODUCERS: dict[Any, int | None] = {
    functional.linear: None,
    torch.addmm: None,
    torch.matmul: None,
    functional.layer_norm: None,
    **dict.fromkeys((functional.conv1d, functional.conv2d, functional.conv3d), 1),
    **dict.fromkeys((functional.conv_transpose1d, functional.conv_transpose2d), 1),
    **dict.fromkeys((functional.batch_norm, functional.group_norm), 1),
}


@dataclass(slots=True)
class CapturedInput:
    """The sampled input of an act, which is not read from a node.

    Attributes:
        rows: the sample, (rows, units).
        extra: the act's parameters.
        holds: what the rows are: ``"pre"``, the act's input.
        blind: the act turns NaN into a number (a choice by a comparison does).
        source: the node from which the rows were computed again; None where they were captured.
        compute: computes them from that node on another step, given the record's number.
    """

    rows: Tensor
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    holds: str = "pre"
    blind: bool = False
    source: AutogradNode | None = None
    compute: Callable[[AutogradNode, int], Tensor | None] | None = None


@dataclass(slots=True)
class CapturedAct:
    """An act that was called where its graph cannot be read.

    Attributes:
        act: the act.
        node_spec: how its autograd node saves its input or output.
        module: the innermost open module; None outside any.
        layer: the module that computed its input, if known.
        captured_input: its sampled input.
        axis: the axis of its units.
        order: its position among the step's calls.
        number: the autograd sequence number at the call.
        node: its node; None where it has none.
        root_forward: the forward of a root in which it was called.
        file, line: the user's call.
    """

    act: Act
    node_spec: Node
    module: nn.Module | None
    layer: nn.Module | None
    captured_input: CapturedInput
    axis: int
    order: int
    number: int
    node: AutogradNode | None
    root_forward: "RootForward"
    file: str
    line: int


@dataclass(slots=True)
class RootForward:
    """A forward of a root, and what later shows whether the loss depends on it."""

    training: bool
    begin: int
    end: int = 0
    storages: list[StorageWeakRef] = field(default_factory=list[StorageWeakRef])

    def reaches(self, graph: AutogradGraph, entering: set[int]) -> bool:
        """Whether the loss depends on this forward.

        Args:
            graph: the loss's graph.
            entering: storages of the data that enter the graph.
        """
        if graph.has_node_between(self.begin, self.end):
            return True
        return any(not ref.expired() and ref.cdata in entering for ref in self.storages)


class ActCapture(TorchFunctionMode):
    """Captures acts as they are called, while it is open.

    Args:
        module_trace: which module is open.
        on_error: called with a failure of the recorder: where, and the exception.

    Attributes:
        captured: the acts of this step, in the order of their calls.
        phase: the record's number, from which the sampled rows follow.
        fused: modules that ran as one fused operation.
    """

    def __init__(
        self, module_trace: ModuleTrace, on_error: Callable[[str, Exception], None]
    ) -> None:
        super().__init__()
        self.captured: list[CapturedAct] = []
        self.phase = 0
        self.fused: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._module_trace = module_trace
        self._on_error = on_error
        self._acts = act_functions()
        self._opened_by: list[nn.Module] = []
        self._paused_by: nn.Module | None = None
        self._packing = False
        self._root_forward = RootForward(False, 0)
        self._axes: dict[int, tuple[nn.Module | None, int | None]] = {}
        self._roots_packed: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._root_parameters: weakref.WeakKeyDictionary[
            nn.Module, list[weakref.ref[nn.Parameter]]
        ] = weakref.WeakKeyDictionary()

    # ------------------------------------------------------------------ open and close

    def enter(self, module: nn.Module) -> None:
        """Open the mode if this module's forward, which is in the trace already, needs it."""
        root = self._module_trace.depth == 1
        if root:
            self._root_forward = RootForward(module.training, sequence_number())
            self._axes = {}
        if self._opened_by:
            if self._paused_by is None and _is_fused(module):
                self._paused_by = module
                self.fused.add(module)
                remove_mode(self)
            return
        packed = packing()
        if packed:
            self._roots_packed.add(self._module_trace.main.stack[0])
        wanted = packed or not torch.is_grad_enabled()
        wanted = wanted or (
            root and (module in self._roots_packed or self._has_frozen_parameters(module))
        )
        if not wanted:
            return
        if _is_fused(module):
            self.fused.add(module)
            return
        self._opened_by.append(module)
        self._packing = packed
        self.__enter__()

    def _has_frozen_parameters(self, root: nn.Module) -> bool:
        """Whether this root has frozen parameters, so that some act may be in no graph.

        The list of parameters is cached for several records: to walk through the modules takes
        ten times as long as to check each parameter.
        """
        known = self._root_parameters.get(root)
        if known is None or self.phase % PARAMETERS_EVERY == 0:
            known = [weakref.ref(parameter) for parameter in root.parameters()]
            self._root_parameters[root] = known
        alive = (reference() for reference in known)
        return any(p is not None and not p.requires_grad for p in alive)

    def leave(self, module: nn.Module, output: object, outermost: bool) -> None:
        """Close the mode at the end of the forward that opened it."""
        if self._paused_by is module:
            self._paused_by = None
            self.__enter__()
        elif self._opened_by and self._opened_by[-1] is module:
            self.close()
        if outermost:
            self._root_forward.end = sequence_number()
            if self.captured:
                several = isinstance(output, tuple | list)
                tensors: list[Any] = list(cast("Any", output)) if several else [output]
                self._root_forward.storages = [
                    StorageWeakRef(tensor.untyped_storage())
                    for tensor in tensors
                    if type(tensor) is Tensor
                ]

    def close(self) -> None:
        """Remove the mode from torch, in any state."""
        self._opened_by.clear()
        self._paused_by = None
        remove_mode(self)

    def clear(self) -> None:
        """Drop the nodes and samples of a step that has ended."""
        self.captured = []
        self._axes = {}

    # ------------------------------------------------------------------ calls

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call the function, and capture it if it is an act whose graph cannot be read."""
        called, given, words = without_replacement(func, args, kwargs)
        act = self._acts.get(func)
        if act is None:
            result = called(*given, **words)
            if func in _PRODUCERS and type(result) is Tensor:
                self._axes[result.data_ptr()] = (self._owner(), _PRODUCERS[func])
            return result
        before, number = self._before(act, args, kwargs or {}), sequence_number()
        result = called(*given, **words)
        if before is not None and isinstance(result, Tensor):
            self._after(act, *before, number, result)
        return result

    def _owner(self) -> nn.Module | None:
        stack = self._module_trace.main.stack
        return stack[-1] if stack else None

    def _before(
        self, act: Act, args: tuple[Any, ...], words: dict[str, Any]
    ) -> tuple[CapturedInput, nn.Module | None, int] | None:
        """Sample the input before an act in place overwrites it."""
        try:
            packed = packing()
            if packed != self._packing:
                self._packing = packed
                self._module_trace.record_packing(packed)
            z = args[0] if args else words.get("input")
            if not act.elementwise or not _readable(z) or len(self.captured) >= MOST_CAPTURED:
                return None
            with DisableTorchFunction(), torch.no_grad():
                layer, axis = self._axes.get(z.data_ptr(), (None, None))
                axis = axis if axis is not None and axis < z.dim() else _last_axis(z, layer)
                rows = sample(z, axis, self.phase).clone()
            return CapturedInput(rows, _act_parameters(act, args[1:], words)), layer, axis
        except Exception as error:
            self._on_error("tap", error)
            return None

    def _after(
        self,
        act: Act,
        captured_input: CapturedInput,
        layer: nn.Module | None,
        axis: int,
        number: int,
        result: Tensor,
    ) -> None:
        try:
            node: Any = result.grad_fn
            if node is not None and not self._packing:
                return  # it is read from the graph
            node_spec = None if node is None else by_node().get(name_of(node))
            entry = node_spec or (act, Node(act.name, ""))
            frame = user_frame(sys._getframe(2))
            tie = (
                0 if node is not None else 1 + sum(t.number == number for t in self.captured[-64:])
            )
            self.captured.append(
                CapturedAct(
                    *entry,
                    module=self._owner(),
                    layer=layer,
                    captured_input=captured_input,
                    axis=axis,
                    order=self._module_trace.place(number, tie),
                    number=number,
                    node=node,
                    root_forward=self._root_forward,
                    file=frame.f_code.co_filename if frame else "",
                    line=frame.f_lineno if frame else 0,
                )
            )
        except Exception as error:
            self._on_error("tap", error)


def storage_id(tensor: Tensor) -> int:
    """Return a number that is equal for tensors over the same memory while they live."""
    reference: Any = StorageWeakRef(tensor.untyped_storage())
    return int(reference.cdata)


def _readable(z: Any) -> TypeGuard[Tensor]:
    return (
        type(z) in (Tensor, nn.Parameter)
        and z.is_floating_point()
        and z.layout == torch.strided
        and z.device.type != "meta"
        and z.numel() > 0
        and not wrapped(z)
    )


def _last_axis(z: Tensor, layer: nn.Module | None) -> int:
    """Return the last axis; -1 for a batch of one unit, which a tensor of one dimension is unless
    its layer has as many outputs as it has entries (one row without a batch axis)."""
    if z.dim() > 1 or getattr(layer, "out_features", None) == z.numel():
        return z.dim() - 1
    return -1


def _is_fused(module: nn.Module) -> bool:
    if not isinstance(module, FUSED) or module.training:
        return False
    return not torch.is_grad_enabled() or not any(p.requires_grad for p in module.parameters())


def _act_parameters(act: Act, rest: tuple[Any, ...], words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the act's parameters in a call of torch's function for it."""
    names = tuple(act.defaults)
    arguments = {**dict(zip(names, rest, strict=False)), **words}
    return {**act.defaults, **{name: arguments[name] for name in names if name in arguments}}
