"""Traces one forward of a model: which layer feeds which act, and where its output goes.

The traced forward runs before the one that the user's code called, on copies of the same inputs,
without gradients. It leaves nothing behind: buffers, random states and modes are restored, and no
hook of a recorder runs.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from relume.acts.act import Act
from relume.acts.feeding_layer import AFFINE, TRANSPOSED
from relume.acts.recognise import act_functions
from relume.fixes.live.call_handlers import Threads, bound
from relume.fixes.live.model_names import LiveModel
from relume.instrument.preserve_state import preserve_buffers, without_global_hooks
from relume.instrument.private_names import DisableTorchFunction
from relume.instrument.site_name import SiteName, is_act_module

LINEAR = {functional.linear, torch.addmm, torch.matmul, torch.mm, torch.Tensor.matmul}
CONVOLUTION = {
    functional.conv1d,
    functional.conv2d,
    functional.conv3d,
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
}
PRODUCT = {torch.bmm, torch.einsum, torch.baddbmm, torch.Tensor.bmm, torch.Tensor.__matmul__}
CHANNELS = AFFINE[1:] + TRANSPOSED
"""Layers whose units are channels: axis 1 of what enters and leaves them."""
NORM = {
    functional.batch_norm,
    functional.layer_norm,
    functional.group_norm,
    functional.instance_norm,
    functional.rms_norm,
}
TIMES = {torch.mul, torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__}


@dataclass(eq=False, slots=True)
class ActPlace:
    """One call of an act in a forward.

    Attributes:
        site: its name in a recording.
        act: with the parameters of the call.
        owner: the module whose forward made the call; the act itself where it is a module. A
            weak reference, as it may be the model.
        own: whether the owner is the act itself.
        index: the number of earlier calls of this act in this module.
        layer, path: the affine layer that feeds it and its name; None and ``""`` if not known.
        normed: a norm layer lies between. `mixed`: other signals join between.
        axis: the axis of its units, counted from the front.
        role: ``"hidden"``, ``"output"``, ``"gate"`` or ``"attention"``.
        feeds: names of the affine layers that take its output.
    """

    site: str
    act: Act
    owner: "weakref.ref[nn.Module]"
    own: bool
    index: int
    layer: nn.Module | None
    path: str
    normed: bool
    mixed: bool
    axis: int
    role: str = "output"
    feeds: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class LayerLabel:
    """The origin of a tensor of the forward."""

    layer: nn.Module | None = None
    path: str = ""
    normed: bool = False
    mixed: bool = False
    axis: int = -1
    places: tuple[ActPlace, ...] = ()
    direct: bool = False  # the output of an act itself


@dataclass(slots=True)
class ForwardTrace:
    """The acts and affine layers of one forward.

    Attributes:
        places: the calls of acts, in order.
        layers: the affine layers by name, in order.
        inputs: names of those that take the data, with nothing but reshapes before them.
    """

    places: list[ActPlace] = field(default_factory=list[ActPlace])
    layers: dict[str, nn.Module] = field(default_factory=dict[str, nn.Module])
    inputs: list[str] = field(default_factory=list[str])

    def hidden(self) -> list[ActPlace]:
        """Return the elementwise acts whose output enters another layer."""
        return [p for p in self.places if p.role == "hidden" and p.act.elementwise]

    def at(self, site: str) -> ActPlace | None:
        """Return the call at the site of that name."""
        return next((place for place in self.places if place.site == site), None)


ActHook = Callable[[ActPlace, Tensor], Tensor | None]
InputHook = Callable[[str, nn.Module, Tensor], None]
OutputHook = Callable[[str, nn.Module, int, Tensor], Tensor | None]


def trace_forward(
    model: LiveModel,
    threads: Threads,
    *,
    at_act: ActHook | None = None,
    at_layer: InputHook | None = None,
    at_output: OutputHook | None = None,
) -> ForwardTrace:
    """Trace the forward that is about to run.

    Args:
        model: about to run.
        threads: the modules whose forward is running.
        at_act: gets each act's place and input, in forward order; what it returns replaces that
            input, so that all later layers see a layer that was changed here.
        at_layer: gets each affine layer's name, the layer and its input.
        at_output: gets each affine layer's name, the layer, the axis of its units and its output;
            what it returns replaces that output.
    """
    assert model.call is not None
    mode = _TraceMode(model, threads, at_act, at_layer, at_output)
    with without_global_hooks(), preserve_buffers(model.root), torch.no_grad(), mode:
        model.call()
    return mode.trace


class _TraceMode(TorchFunctionMode):
    def __init__(
        self,
        model: LiveModel,
        threads: Threads,
        at_act: ActHook | None,
        at_layer: InputHook | None,
        at_output: OutputHook | None,
    ) -> None:
        super().__init__()
        self.trace = ForwardTrace()
        self._model, self._threads = model, threads
        self._at_act, self._at_layer, self._at_output = at_act, at_layer, at_output
        self._labels: dict[int, LayerLabel] = {}
        self._alive: list[Any] = []  # otherwise another tensor could get the same id
        self._acts = act_functions()
        self._calls: dict[tuple[int, str], int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Make the call, and label its result with its origin."""
        keywords: dict[str, Any] = kwargs or {}
        stack = self._threads.stack
        act = self._acts.get(func)
        if act is not None and args and isinstance(args[0], Tensor) and stack:
            return self._act(func, bound(act, args, keywords), args, keywords)
        layer = self._affine(func, args)
        result = func(*args, **keywords)
        if layer is not None and self._at_output is not None:
            axis = 1 if func in CONVOLUTION else result.dim() - 1
            with DisableTorchFunction():
                changed = self._at_output(self._model.path_of(layer), layer, axis, result)
            result = result if changed is None else changed
        for one in _tensors(result):
            label = self._label(func, args, keywords, layer, one)
            if label is not None:
                self._labels[id(one)] = label
                self._alive.append(one)
        return result

    def _act(self, func: Any, act: Act, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        place = self._place(act, args[0])
        self.trace.places.append(place)
        if self._at_act is not None:
            with DisableTorchFunction():
                changed = self._at_act(place, args[0])
            args = args if changed is None else (changed, *args[1:])
        before = self._labels.get(id(args[0]), LayerLabel()).places
        result = func(*args, **kwargs)
        # an act of an act: what takes the output of the second also takes that of the first
        label = LayerLabel(axis=place.axis, places=(place, *before), direct=True)
        self._labels[id(result)] = label
        self._alive.append(result)
        return result

    def _place(self, act: Act, z: Tensor) -> ActPlace:
        module = self._threads.stack[-1]
        key = (id(module), act.name)
        index = self._calls.get(key, 0)
        self._calls[key] = index + 1
        own = is_act_module(module)
        path = self._model.path_of(module)
        name = SiteName(path, "" if own and path else act.called(act.defaults), index)
        label = self._labels.get(id(z), LayerLabel())
        axis = label.axis if label.axis >= 0 else z.dim() - 1
        return ActPlace(
            str(name),
            act,
            weakref.ref(module),
            own,
            index,
            label.layer,
            label.path,
            label.normed,
            label.mixed,
            axis,
        )

    def _affine(self, func: Any, args: tuple[Any, ...]) -> nn.Module | None:
        """Return the affine layer whose own weight takes part in this call, or None."""
        if (func not in LINEAR and func not in CONVOLUTION) or not self._threads.stack:
            return None
        owner = self._threads.stack[-1]
        inputs = [arg for arg in args if isinstance(arg, Tensor)]
        weight = getattr(owner, "weight", None)
        if weight is None or not any(arg is weight for arg in inputs):
            own = [p for p in owner._parameters.values() if p is not None]
            if not any(arg is p or arg._base is p for arg in inputs for p in own):
                return None
        path = self._model.path_of(owner)
        self.trace.layers[path] = owner
        entering = next((arg for arg in inputs if arg.dim() and not _is_of(arg, owner)), None)
        if entering is not None:
            label = self._labels.get(id(entering))
            if label is None and path not in self.trace.inputs and entering.is_floating_point():
                self.trace.inputs.append(path)
            for place in label.places if label else ():
                place.role = "hidden" if place.role == "output" else place.role
                place.feeds.append(path)
            if self._at_layer is not None:
                with DisableTorchFunction():
                    self._at_layer(path, owner, entering)
        return owner

    def _label(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        layer: nn.Module | None,
        result: Tensor,
    ) -> LayerLabel | None:
        if layer is not None:
            axis = 1 if func in CONVOLUTION else result.dim() - 1
            return LayerLabel(layer, self._model.path_of(layer), axis=axis)
        inputs = [t for t in _tensors((args, kwargs)) if not isinstance(t, nn.Parameter)]
        labels = [label for t in inputs if (label := self._labels.get(id(t))) is not None]
        if func in NORM:
            return replace(labels[0], normed=True) if labels else LayerLabel(normed=True)
        if func is functional.embedding:
            return LayerLabel()
        if not labels:
            return None
        if func in PRODUCT or (func in LINEAR and len(inputs) > 1):
            for place in (place for label in labels for place in label.places):
                place.role = "attention" if not place.act.elementwise else "hidden"
            return LayerLabel(mixed=True)
        if func in TIMES and len(labels) > 1:
            for label in labels:
                for place in label.places[:1] if label.direct else ():
                    place.role = "gate"
        if len({id(label) for label in labels}) == 1:
            direct = labels[0].direct and len(labels) == 1
            return labels[0] if direct else replace(labels[0], direct=False)
        places = tuple(dict.fromkeys(place for label in labels for place in label.places))
        known = [label for label in labels if label.layer is not None]
        first = known[-1] if known else labels[0]
        return replace(first, mixed=True, places=places, direct=False)


def _is_of(tensor: Tensor, owner: nn.Module) -> bool:
    own = [p for p in owner._parameters.values() if p is not None]
    return any(tensor is p or tensor._base is p for p in own) or tensor is getattr(
        owner, "weight", None
    )


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for item in cast("dict[Any, Any]", value).values() for t in _tensors(item)]
    if isinstance(value, tuple | list):
        return [t for item in cast("list[Any]", value) for t in _tensors(item)]
    return []
