"""How the loss judges: the criterion in the graph, the head behind it, and what joins them."""

from dataclasses import dataclass, field

from torch import Tensor

from relume.acts.act import by_node
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    carries_signal,
    inputs,
    kind,
    name_of,
    saved,
)
from relume.record.graph.op_names import AFFINE, RESHAPE
from relume.record.graph.opaque_ops import OPAQUE

CRITERIA = {
    "NllLossBackward": "nll",
    "NllLoss2DBackward": "nll",
    "BinaryCrossEntropyBackward": "bce",
    "BinaryCrossEntropyWithLogitsBackward": "bce_with_logits",
    "MseLossBackward": "mse",
    "SmoothL1LossBackward": "smooth_l1",
    "HuberLossBackward": "huber",
    "KlDivBackward": "kl_div",
    "MultiMarginLossBackward": "multi_margin",
    "MultilabelMarginLossBackward": "multilabel_margin",
    "CtcLossBackward": "ctc",
}


SUMS_TO_ONE = 1e-3  # of soft targets, as RULES.md 201 asks of probabilities

BY_HAND = frozenset({"PowBackward", "MulBackward", "AbsBackward"})  # distances written out

# What a hand-written loss or normalisation puts between the head and the criterion's input.
HAND_WRITTEN = frozenset(f"{n}Backward" for n in ("Add", "Sub", "Mul", "Log", "Div", "Neg", "Exp"))


@dataclass(slots=True)
class Criterion:
    """How the loss judges.

    Attributes:
        name: of the criterion.
        node: in the graph.
        entry: the input from which the head is reached.
        weighed: the product of the criterion's logarithms with soft targets; None without them.
    """

    name: str
    node: AutogradNode
    entry: AutogradNode | None
    weighed: AutogradNode | None = None


@dataclass(slots=True)
class Head:
    """The last affine node, and the acts between it and the criterion, the last applied last."""

    affine: AutogradNode | None
    acts: list[AutogradNode] = field(default_factory=list[AutogradNode])


def criterion(graph: AutogradGraph) -> Criterion:
    """The criterion nearest to the loss; ``unknown`` where none is recognised."""
    queue, seen = [graph.root], {graph.root}
    for node in queue:
        name = kind(node)
        if name in CRITERIA:
            return _named(CRITERIA[name], node)
        if name == "LogSoftmaxBackward":  # soft targets: -(y * log_softmax(z)).sum()
            return Criterion("cross_entropy", node, first_signal(node), _product(graph, node))
        if name == "PowBackward" and float(getattr(node, "_saved_exponent", 0)) == 2:
            return Criterion("mse", node, first_signal(node))
        if name == "MulBackward" and (product := _multiplied(graph, node)):
            return Criterion(product, node, first_signal(node))
        if name == "AbsBackward":
            return Criterion("l1", node, first_signal(node))
        if name == "LogBackward":
            return Criterion("log_likelihood", node, first_signal(node))
        if name in AFFINE or name in OPAQUE:
            continue
        for source in carries_signal(node):
            if source not in seen:
                seen.add(source)
                queue.append(source)
        if len(queue) > 200:  # a criterion stands near the loss
            break
    return Criterion("unknown", graph.root, graph.root)


def _multiplied(graph: AutogradGraph, node: AutogradNode) -> str:
    """The criterion that a product is a part of, or ``""``."""
    return "mse" if _squares(node) else "kl_div" if _divergence(graph, node) else ""


def _squares(node: AutogradNode) -> bool:
    """A product of a signal with itself."""
    sources = carries_signal(node)
    return len(sources) == 2 and sources[0] is sources[1]


def _divergence(graph: AutogradGraph, node: AutogradNode) -> bool:
    """A divergence of soft targets that was given probabilities: y (log y - p), summed up.

    torch puts it together of a product and a difference, so it has no node of its own. With log
    probabilities it is a cross-entropy with soft targets, and found as one.
    """
    source = first_signal(node)
    while source is not None and kind(source) in RESHAPE:
        source = first_signal(source)
    if len(carries_signal(node)) != 1 or source is None or kind(source) != "SoftmaxBackward":
        return False
    users = graph.consumers(node)
    if len(users) != 1 or kind(users[0]) != "SubBackward" or len(carries_signal(users[0])) != 1:
        return False
    if first_signal(users[0]) is not node or inputs(users[0])[0] is not None:
        return False  # y log y carries no gradient and stands first
    weights = saved(node, "_saved_other")
    weights = saved(node, "_saved_self") if weights is None else weights
    if not isinstance(weights, Tensor) or weights.dim() < 2:
        return False
    rows = weights.detach()[:256].float()
    return bool(((rows.sum(-1) - 1).abs() < SUMS_TO_ONE).all() and (rows >= 0).all())


def _product(graph: AutogradGraph, node: AutogradNode) -> AutogradNode | None:
    """The product that alone takes this node's output, if it is one with a constant."""
    users = graph.consumers(node)
    alone = users[0] if len(users) == 1 and kind(users[0]) == "MulBackward" else None
    return alone if alone is not None and len(carries_signal(alone)) == 1 else None


def _named(name: str, node: AutogradNode) -> Criterion:
    entry = first_signal(node)
    if name == "nll":
        while entry is not None and kind(entry) in RESHAPE:
            entry = first_signal(entry)
        if entry is not None and kind(entry) == "LogSoftmaxBackward":
            return Criterion("cross_entropy", node, first_signal(entry))
    return Criterion(name, node, entry)


def first_signal(node: AutogradNode) -> AutogradNode | None:
    """What a node stands on, of several the first."""
    return next(iter(carries_signal(node)), None)


def head(found: Criterion) -> Head:
    """The acts and the affine layer behind the criterion's input."""
    acts: list[AutogradNode] = []
    node = found.entry
    for _ in range(64):
        if node is None:
            return Head(None, acts[::-1])
        name = kind(node)
        if name in AFFINE:
            return Head(node, acts[::-1])
        if name_of(node) in by_node():
            acts.append(node)
        elif name not in RESHAPE and name not in HAND_WRITTEN:
            return Head(None, acts[::-1])
        sources = _without_sum(node, carries_signal(node))
        node = max(sources, key=lambda source: source._sequence_nr()) if sources else None
    return Head(None, acts[::-1])


def _without_sum(node: AutogradNode, sources: list[AutogradNode]) -> list[AutogradNode]:
    """What a node stands on; of rows divided by their own sum, the rows."""
    return sources[:1] if renormalises(node) else sources


def renormalises(node: AutogradNode) -> bool:
    """Whether a node divides something by its own sum, a small constant added at most."""
    sources = carries_signal(node)
    if kind(node) != "DivBackward" or len(sources) != 2:
        return False
    below: AutogradNode | None = sources[1]
    while below is not None and kind(below) != "SumBackward":
        if kind(below) not in RESHAPE and kind(below) not in ("AddBackward", "ClampBackward"):
            return False
        below = first_signal(below) if len(carries_signal(below)) == 1 else None
    return below is not None and first_signal(below) is sources[0]


def rows_at_criterion(
    graph: AutogradGraph, found: Criterion, ends: Head
) -> tuple[float, float] | None:
    """(largest abs(row sum - 1), least entry) of what enters the criterion, where it is kept."""
    values: Tensor | None = None
    axis = -1
    if ends.acts and found.entry is not None and _reaches(found.entry, ends.acts[-1]):
        last = ends.acts[-1]
        act, shown = by_node()[name_of(last)]
        if act.name in ("softmax", "log_softmax"):
            values, axis = saved(last, "_saved_result"), int(last._saved_dim)
            axis = axis - 2**64 if axis >= 2**63 else axis  # torch saves -1 unsigned
        elif shown.holds == "post":
            values = None if last in graph.sealed else shown.read(last)
    elif found.name in ("bce_with_logits", "bce", "mse"):
        values = saved(found.node, "_saved_self")
    elif found.entry is not None and kind(found.entry) == "DivBackward":
        top = saved(found.entry, "_saved_self")
        below = saved(found.entry, "_saved_other")
        if isinstance(top, Tensor) and isinstance(below, Tensor):
            values = top.detach() / below.detach()
    if values is None or values.dim() < 2 or values.numel() == 0:
        return None
    rows = values.detach()[:256].float()
    error = (rows.sum(axis) - 1).abs().max()
    return float(error), float(rows.min())


def _reaches(node: AutogradNode, goal: AutogradNode) -> bool:
    """Whether `goal` is `node` or stands behind it with only reshapes between."""
    current: AutogradNode | None = node
    while current is not None and current is not goal:
        if kind(current) not in RESHAPE:
            return False
        current = first_signal(current)
    return current is goal
