"""Walks the autograd graph: which operations it holds, and which feeds which.

The walk starts once, at the tensor on which `backward()` is about to be called. Every operation
that contributed to the loss is in the graph, from a module or a function, in place or not. What
did not contribute (an evaluation, a second forward that was thrown away) is not in it.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from relume.record.graph.op_names import (
    AFFINE,
    LEAF,
    LINEAR,
    NORM,
    RESHAPE,
    SEEN_THROUGH,
)
from relume.record.graph.opaque_ops import OPAQUE


class AutogradNode(Protocol):
    """A node of torch's graph; what it saved, and the `variable` of a leaf, have any type."""

    metadata: dict[str, Any]

    @property
    def next_functions(self) -> tuple[tuple["AutogradNode | None", int], ...]:
        """The node behind each input, and which of its outputs that is."""
        ...

    def name(self) -> str:
        """Return torch's name of the operation."""
        ...

    def _sequence_nr(self) -> int: ...

    def register_hook(self, hook: Callable[..., Any], /) -> Any:
        """Call the hook with the gradients of the inputs and outputs."""
        ...

    def register_prehook(self, hook: Callable[..., Any], /) -> Any:
        """Call the hook with the gradients of the outputs."""
        ...

    def __getattr__(self, name: str, /) -> Any: ...


MOST_NODES = 20_000  # the walk stops here, and the recorder reports that it did


@dataclass(slots=True)
class AutogradGraph:
    """Every node that a loss depends on.

    Attributes:
        root: the node of the tensor on which backward is called.
        nodes: every node except leaves, in the order in which the forward made them.
        leaves: the parameters (and other leaf tensors) that receive a gradient.
        names, numbers: name and sequence number of each node, in the order of `nodes`.
        complete: False where the graph was larger than `MOST_NODES`.
        sealed: nodes whose saved tensors must not be unpacked (see `without_unpacking`).
        derived: nodes that autograd's backward made, and what follows them; they are no part of the
            model (see `double_backward`).
    """

    root: AutogradNode
    nodes: list[AutogradNode]
    leaves: list[torch.Tensor]
    names: list[str]
    numbers: list[int]
    complete: bool = True
    sealed: set[AutogradNode] = field(default_factory=set[AutogradNode])
    derived: set[AutogradNode] = field(default_factory=set[AutogradNode])
    _consumers: dict[AutogradNode, list[AutogradNode]] = field(
        default_factory=dict[AutogradNode, list[AutogradNode]]
    )

    def consumers(self, node: AutogradNode) -> list[AutogradNode]:
        """The nodes that take this node's output as an input, without derived ones."""
        if not self._consumers:
            for user in self.nodes:
                if user in self.derived:
                    continue
                for source, _ in user.next_functions:
                    if source is not None:
                        self._consumers.setdefault(source, []).append(user)
        return self._consumers.get(node, [])

    def has_node_between(self, begin: int, end: int) -> bool:
        """Whether the graph holds a node whose sequence number is in [begin, end)."""
        first = bisect_left(self.nodes, begin, key=_number)
        return first < len(self.nodes) and self.nodes[first]._sequence_nr() < end


_sealed: set[AutogradNode] = set()  # those of the graph in a `without_unpacking` context


def without_unpacking(
    graph: AutogradGraph, packed: set[AutogradNode]
) -> AbstractContextManager[None]:
    """Make `saved` answer None for nodes with packed tensors (checkpointing, offload).

    Unpacking one of them would compute its whole region again, and a checkpoint refuses to hand it
    out twice.
    """
    return _sealing(graph, packed) if packed else nullcontext()


@contextmanager
def _sealing(graph: AutogradGraph, packed: set[AutogradNode]) -> Generator[None]:
    graph.sealed = packed
    _sealed.update(packed)
    try:
        yield
    finally:
        _sealed.clear()
        graph.sealed = set()


def saved(node: AutogradNode, name: str) -> Any:
    """A value that a node saved for its backward; None where it saved none, or it is packed."""
    value = None if node in _sealed else getattr(node, name, None)
    return if_in_memory(value) if isinstance(value, torch.Tensor) else value


def if_in_memory(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """The tensor, or None where its memory was freed between forward and backward.

    `fully_shard` frees the parameters that it gathers. Reading a freed one would read memory that
    belongs to something else.
    """
    if tensor is None or tensor.layout != torch.strided or tensor.numel() == 0:
        return tensor
    return tensor if tensor.untyped_storage().size() else None


def walk(root: Any) -> AutogradGraph:
    """The graph of every node from which `root` was computed."""
    seen: set[AutogradNode] = {root}
    queue: list[AutogradNode] = [root]
    leaves: list[torch.Tensor] = []
    rows: list[tuple[int, int, str, AutogradNode]] = []
    for node in queue:
        name = name_of(node)
        if name == LEAF:
            leaves.append(node.variable)
            continue
        rows.append((node._sequence_nr(), len(rows), name, node))
        for source, _ in node.next_functions:
            if source is not None and source not in seen:
                seen.add(source)
                queue.append(source)
        if len(queue) > MOST_NODES:
            break
    rows.sort()  # equal numbers (of two threads) stay in the order of the walk
    numbers, names, nodes = [r[0] for r in rows], [r[2] for r in rows], [r[3] for r in rows]
    return AutogradGraph(root, nodes, leaves, names, numbers, len(queue) <= MOST_NODES)


def _number(node: AutogradNode) -> int:
    return int(node._sequence_nr())


_names: dict[type, str] = {}  # by torch's own node class: node.name() takes ten times as long


def name_of(node: Any) -> str:
    """The node's name: ``"AddmmBackward0"``."""
    sort: type = node.__class__
    known = _names.get(sort)
    if known is not None:
        return known
    try:
        name = str(node.name())
    except RuntimeError:  # torch 2.8 names no custom autograd function; later ones use the class
        return sort.__name__
    # The class of a custom function is the user's; "CppFunction" stands for many kinds of nodes.
    if sort.__module__ == "builtins" and sort.__name__ != "CppFunction":
        _names[sort] = name
    return name


def kind(node: AutogradNode) -> str:
    """The node's name without the digit of its overload: ``"AddmmBackward"``."""
    return name_of(node).rstrip("0123456789")


def signed_axis(axis: Any) -> int:
    """An axis as a node saved it, with its sign: torch saves -1 as 2**64 - 1."""
    number = int(axis)
    return number - 2**64 if number >= 2**63 else number


def inputs(node: AutogradNode) -> list[AutogradNode | None]:
    """The nodes that feed this one, by position; None where an input carries no gradient."""
    return [source for source, _ in node.next_functions]


def is_leaf(node: AutogradNode | None) -> bool:
    """Whether this input is a parameter (or another leaf tensor)."""
    return node is not None and name_of(node) == LEAF


def leaf_of(node: AutogradNode | None) -> torch.Tensor | None:
    """The leaf tensor at an input, or None if the input is computed or carries no gradient."""
    if node is None or name_of(node) != LEAF:
        return None
    leaf: torch.Tensor = node.variable
    return leaf


def parameter_behind(node: AutogradNode | None) -> torch.Tensor | None:
    """The leaf behind an input, through up to four reshapes (a transposed or viewed weight)."""
    for _ in range(4):
        if node is None or is_leaf(node) or kind(node) not in SEEN_THROUGH:
            break
        node = next((source for source in inputs(node) if source is not None), None)
    return leaf_of(node)


def signal_inputs(node: AutogradNode) -> list[AutogradNode]:
    """The inputs that are computed from data, not parameters."""
    return [s for s in inputs(node) if s is not None and parameter_behind(s) is None]


def passes_through(node: AutogradNode) -> AutogradNode | None:
    """The one input signal of a node that only reshapes, shifts or scales it; else None.

    Such nodes are reshapes, an added bias, a constant factor, and dropout (whose mask does not
    depend on the signal; see `is_dropout`).
    """
    name = kind(node)
    sources = signal_inputs(node)
    if len(sources) != 1:
        return None
    if name in RESHAPE:
        return sources[0]
    if name in ("AddBackward", "SubBackward", "RsubBackward"):
        return sources[0]
    if name in ("MulBackward", "DivBackward") and is_scaling(node):
        return sources[0]
    if name == "NativeDropoutBackward":
        return sources[0]
    return None


def is_scaling(node: AutogradNode) -> bool:
    """Whether a product scales its one signal by a number, a parameter or a dropout mask."""
    if any(is_leaf(source) for source in inputs(node)):
        return True
    if kind(node) == "MulBackward" and name_of(node) == "MulBackward1":
        return True  # times a Python number
    factor = saved(node, "_saved_other")
    if inputs(node)[0] is None:
        own = saved(node, "_saved_self")
        factor = factor if own is None else own
    if not isinstance(factor, torch.Tensor):
        return True
    return factor.numel() == 1 or is_dropout(factor)


def is_dropout(mask: torch.Tensor) -> bool:
    """Whether a constant factor is a dropout mask: zeros, and one value above 1.

    The value 1/(1-p) distinguishes it from the mask of a hand-written act, ``x * (x > 0)``, whose
    entries are 0 and 1.
    """
    if not mask.is_floating_point():
        return False
    sample = mask.detach().reshape(-1)[:4096]
    top = sample.max()
    return bool((top > 1) & ((sample == 0) | (sample == top)).all())


def has_constant(node: AutogradNode) -> bool:
    """Whether one operand of a maximum is a finite constant (a running one begins at -inf)."""
    if None not in inputs(node):
        return False
    constant = saved(node, "_saved_self" if inputs(node)[0] is None else "_saved_other")
    if not isinstance(constant, torch.Tensor):
        return True
    return bool(torch.isfinite(constant.detach().reshape(-1)[:1]).all())


def weight_of(node: AutogradNode) -> torch.Tensor | None:
    """The weight of an affine node, oriented as the node saves it: (in, out) for products.

    torch saves it only if the data need a gradient; in a first layer it is read from the leaf.
    """
    op = AFFINE[kind(node)]
    weight = saved(node, op.saved_weight)
    if isinstance(weight, torch.Tensor):
        return weight.detach()
    source = inputs(node)[op.weight] if op.weight < len(node.next_functions) else None
    transposed = False
    if source is not None and kind(source) in ("TBackward", "TransposeBackward"):
        transposed, source = True, next(iter(inputs(source)), None)
    leaf = if_in_memory(leaf_of(source))
    if leaf is None:
        return None
    return leaf.detach().t() if transposed else leaf.detach()


def output_shape(node: AutogradNode | None) -> tuple[int, ...] | None:
    """The shape of a node's first output, from its metadata."""
    metadata = getattr(node, "_input_metadata", None)
    return tuple(int(size) for size in metadata[0].shape) if metadata else None


def path_to_layer(node: AutogradNode, entry: AutogradNode | None = None) -> list[AutogradNode]:
    """The nodes that feed an act, from its source back to the nearest affine one.

    Args:
        node: the act's node.
        entry: the source of an act that several nodes compute.
    """
    path: list[AutogradNode] = [] if entry is None else [entry]
    if entry is not None and kind(entry) in AFFINE:
        return path
    current: AutogradNode = entry or node
    for _ in range(64):  # no act is farther than this from its layer
        sources = signal_inputs(current)
        if not sources:
            return path
        # Where two signals are added, the later one comes from the layer; the other is a shortcut.
        current = normalised(current) or max(sources, key=lambda source: source._sequence_nr())
        path.append(current)
        name = kind(current)
        if name in AFFINE:
            return path
        if name in NORM or name in OPAQUE or name in LINEAR or name == "AddBackward":
            continue
        if passes_through(current) is None and normalised(current) is None:
            return path
    return path


def normalised(node: AutogradNode) -> AutogradNode | None:
    """The signal that a node shifts or scales by statistics of it (a norm that is written out).

    The statistics are smaller than the signal; None where no input, or more than one, has the
    shape of the output.
    """
    sources = signal_inputs(node) if kind(node) in ELEMENTARY else []
    if len(sources) < 2:
        return None
    shape = output_shape(node)
    full = [source for source in sources if output_shape(source) == shape]
    return full[0] if len(full) == 1 else None


ELEMENTARY = frozenset(f"{name}Backward" for name in ("Add", "Sub", "Rsub", "Mul", "Div"))


def feeding(node: AutogradNode, entry: AutogradNode | None = None) -> Iterator[AutogradNode]:
    """Yield the norm and affine nodes that feed an act, back to the nearest affine one."""
    for passed in path_to_layer(node, entry):
        name = kind(passed)
        if name in AFFINE or name in NORM or name in OPAQUE:
            yield passed


def role(graph: AutogradGraph, node: AutogradNode, act: str) -> str:
    """The role of an act, ``"attention"``, ``"gate"`` or ``"hidden"``, from its consumers."""
    todo, visited = list(graph.consumers(node)), 0
    while todo and visited < 32:
        user, visited = todo.pop(), visited + 1
        name = kind(user)
        if name in ("BmmBackward", "BaddbmmBackward") and act == "softmax":
            return "attention"
        if name == "MulBackward" and len(signal_inputs(user)) == 2:
            return "gate"
        if name == "MmBackward" and act == "softmax" and len(signal_inputs(user)) == 2:
            return "attention"  # of one example
        if (
            name in RESHAPE
            or name == "NativeDropoutBackward"
            or (name == "MulBackward" and passes_through(user) is not None)
        ):
            todo.extend(graph.consumers(user))
    return "hidden"
