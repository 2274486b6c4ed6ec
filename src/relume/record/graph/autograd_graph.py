"""Reading the autograd graph: which operations stand in it, and what feeds what.

The graph is walked once, from the tensor on which `backward()` is about to be called. Whatever
contributed to the loss is in it, module or function, in place or not; what did not contribute
(an evaluation, a second forward that was thrown away) is not.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from relume.record.graph.op_names import (
    AFFINE,
    BATCH_NORM,
    LEAF,
    LINEAR,
    NORM,
    RESHAPE,
    SEEN_THROUGH,
)
from relume.record.graph.opaque_ops import OPAQUE

# torch's node classes are not typed; a node is anything with name(), next_functions and saved
# tensors under `_saved_*`.
AutogradNode = Any

MOST_NODES = 20_000  # a graph beyond this is walked no further, and the recorder says so


@dataclass(slots=True)
class AutogradGraph:
    """The nodes that a loss depends on.

    Attributes:
        root: the node of the tensor on which backward is called.
        nodes: every node but parameter leaves, in the order in which the forward made them.
        leaves: the parameters (and other leaf tensors) that receive a gradient.
        names, numbers: of the nodes, in their order.
        complete: False where the graph was larger than `MOST_NODES`.
        sealed: nodes whose saved tensors are packed (see `unpacking_nothing`).
    """

    root: AutogradNode
    nodes: list[AutogradNode]
    leaves: list[torch.Tensor]
    names: list[str]
    numbers: list[int]
    complete: bool = True
    sealed: set[AutogradNode] = field(default_factory=set[AutogradNode])
    _consumers: dict[AutogradNode, list[AutogradNode]] = field(
        default_factory=dict[AutogradNode, list[AutogradNode]]
    )

    def consumers(self, node: AutogradNode) -> list[AutogradNode]:
        """The nodes that take this node's output as an input."""
        if not self._consumers:
            for user in self.nodes:
                for source, _ in user.next_functions:
                    if source is not None:
                        self._consumers.setdefault(source, []).append(user)
        return self._consumers.get(node, [])

    def made_between(self, begin: int, end: int) -> bool:
        """Whether the graph holds a node whose sequence number is in [begin, end)."""
        place = bisect_left(self.nodes, begin, key=_number)
        return place < len(self.nodes) and self.nodes[place]._sequence_nr() < end


_sealed: set[AutogradNode] = set()  # of the graph that is being read (see `unpacking_nothing`)


def unpacking_nothing(
    graph: AutogradGraph, packed: set[AutogradNode]
) -> AbstractContextManager[None]:
    """Read a graph without unpacking saved tensors (checkpointing, offload).

    Reading one of them would compute its whole region again, and a checkpoint refuses to hand it
    out twice: within this context `saved` answers None for these nodes.
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
    """A value that a node keeps for its backward; None where it keeps none, or it is packed."""
    value = None if node in _sealed else getattr(node, name, None)
    return at_hand(value) if isinstance(value, torch.Tensor) else value


def at_hand(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """The tensor; None where its memory is given back between forward and backward.

    `fully_shard` does that with the parameters it has put together. Reading one would read memory
    that is not the process's.
    """
    if tensor is None or tensor.layout != torch.strided or tensor.numel() == 0:
        return tensor
    return tensor if tensor.untyped_storage().size() else None


def walk(root: AutogradNode) -> AutogradGraph:
    """Every node from which `root` was computed."""
    seen: set[AutogradNode] = {root}
    queue: list[AutogradNode] = [root]
    leaves: list[torch.Tensor] = []
    found: list[tuple[int, int, str, AutogradNode]] = []
    for node in queue:
        name = name_of(node)
        if name == LEAF:
            leaves.append(node.variable)
            continue
        found.append((node._sequence_nr(), len(found), name, node))
        for source, _ in node.next_functions:
            if source is not None and source not in seen:
                seen.add(source)
                queue.append(source)
        if len(queue) > MOST_NODES:
            break
    found.sort()  # equal numbers (of two threads) stay in the order in which they were met
    return AutogradGraph(
        root,
        [node for *_, node in found],
        leaves,
        [name for *_, name, _ in found],
        [number for number, *_ in found],
        len(queue) <= MOST_NODES,
    )


def _number(node: AutogradNode) -> int:
    return int(node._sequence_nr())


_names: dict[type, str] = {}  # of torch's own kinds of nodes: asking a node takes ten times as long


def name_of(node: AutogradNode) -> str:
    """The node's name: ``"AddmmBackward0"``."""
    sort: type = node.__class__
    known = _names.get(sort)
    if known is not None:
        return known
    try:
        name = str(node.name())
    except RuntimeError:  # torch 2.8 has none for custom autograd functions; later ones the class's
        return sort.__name__
    # A custom function's kind is a class of the user's; "CppFunction" stands for many kinds.
    if sort.__module__ == "builtins" and sort.__name__ != "CppFunction":
        _names[sort] = name
    return name


def kind(node: AutogradNode) -> str:
    """The node's name without the digit of its overload: ``"AddmmBackward"``."""
    return name_of(node).rstrip("0123456789")


def inputs(node: AutogradNode) -> list[AutogradNode | None]:
    """The nodes that feed this one, by position; None where an input carries no gradient."""
    return [source for source, _ in node.next_functions]


def is_leaf(node: AutogradNode | None) -> bool:
    """Whether this input is a parameter (or another leaf tensor)."""
    return node is not None and name_of(node) == LEAF


def leaf_of(node: AutogradNode | None) -> torch.Tensor | None:
    """The leaf tensor behind an input, or None if the input is computed or carries no gradient."""
    if node is None or name_of(node) != LEAF:
        return None
    leaf: torch.Tensor = node.variable
    return leaf


def parameter_behind(node: AutogradNode | None) -> torch.Tensor | None:
    """The leaf at an input, also through a reshape or two (a transposed or viewed weight)."""
    for _ in range(4):
        if node is None or is_leaf(node) or kind(node) not in SEEN_THROUGH:
            break
        node = next((source for source in inputs(node) if source is not None), None)
    return leaf_of(node)


def carries_signal(node: AutogradNode) -> list[AutogradNode]:
    """The inputs that are computed, not parameters."""
    return [s for s in inputs(node) if s is not None and parameter_behind(s) is None]


def passes_through(node: AutogradNode) -> AutogradNode | None:
    """The one signal that this node hands on unchanged in value, if it is such a node.

    Reshapes, a bias added, a constant factor, and dropout (whose mask is no function of the
    signal; see `is_dropout`).
    """
    name = kind(node)
    sources = carries_signal(node)
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

    The value 1/(1-p) tells it from the mask of a hand-written act, ``x * (x > 0)``, whose
    entries are 0 and 1.
    """
    if not mask.is_floating_point():
        return False
    sample = mask.detach().reshape(-1)[:4096]
    top = sample.max()
    return bool((top > 1) & ((sample == 0) | (sample == top)).all())


def weight_of(node: AutogradNode) -> torch.Tensor | None:
    """The weight of an affine node, oriented as its attribute would be: (in, out) for products.

    torch saves it only if the data need a gradient; in a first layer it is read off the leaf.
    """
    kept = saved(node, AFFINE[kind(node)][4])
    if isinstance(kept, torch.Tensor):
        return kept.detach()
    place = AFFINE[kind(node)][1]
    source = inputs(node)[place] if place < len(node.next_functions) else None
    turned = source is not None and kind(source) in ("TBackward", "TransposeBackward")
    if turned:
        source = next(iter(inputs(source)), None)
    leaf = at_hand(leaf_of(source))
    if leaf is None:
        return None
    return leaf.detach().t() if turned else leaf.detach()


def feeding(node: AutogradNode) -> Iterator[AutogradNode]:
    """From an act upwards: the norm and affine nodes that feed it, up to the first affine one."""
    current: AutogradNode | None = node
    for _ in range(64):  # an act is never farther from its layer than this
        sources = carries_signal(current)
        if not sources:
            return
        # Where two signals are added the one made last is the layer's; the other is a shortcut.
        current = max(sources, key=lambda source: source._sequence_nr())
        name = kind(current)
        if name in AFFINE:
            yield current
            return
        if name in NORM or name in OPAQUE:
            yield current
        elif passes_through(current) is None and name not in LINEAR and name != "AddBackward":
            return


def unit_axis(node: AutogradNode, dims: int) -> int:
    """The axis of units in a tensor of `dims` dimensions that this node's act returns.

    Channels (axis 1) after a convolution, features (the last) after a product, and where the
    feeding layer is unknown: axis 1 for pairs and images, the last for sequences.
    """
    for source in feeding(node):
        name = kind(source)
        if name == "ConvolutionBackward":
            return 1
        if name in AFFINE or name == "NativeLayerNormBackward":
            return dims - 1
        if name in BATCH_NORM:
            return 1
    return 1 if dims in (2, 4) else dims - 1


def role(graph: AutogradGraph, node: AutogradNode, act: str) -> str:
    """``"attention"``, ``"gate"`` or ``"hidden"``, from what takes the act's output."""
    todo, seen = list(graph.consumers(node)), 0
    while todo and seen < 32:
        user, seen = todo.pop(), seen + 1
        name = kind(user)
        if name in ("BmmBackward", "BaddbmmBackward") and act == "softmax":
            return "attention"
        if name == "MulBackward" and len(carries_signal(user)) == 2:
            return "gate"
        if name in RESHAPE or (name == "MulBackward" and passes_through(user) is not None):
            todo.extend(graph.consumers(user))
    return "hidden"
