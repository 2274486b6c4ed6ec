"""Recognises the criterion in the graph, the head behind it, and the acts between them."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from relume.acts.act import by_node
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    has_constant,
    inputs,
    kind,
    name_of,
    saved,
    signal_inputs,
    signed_axis,
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


KNOWN = frozenset(CRITERIA.values()) | {"cross_entropy"}
"""Criteria that torch computes: what stands before them is the head's."""

SUMS_TO_ONE = 1e-3  # tolerance on the sum of soft targets, as for probabilities (page of ACT201)

FEWEST = 4  # weights: fewer may differ in sign by themselves
MOST_BACK = 200  # nodes: what weighs the rows stands near the loss

# Nodes between a loss and what weighs its rows: the loss is a sum, or the worse of two.
SUMS = RESHAPE | {
    f"{n}Backward"
    for n in (
        *("Add", "Sub", "Rsub", "Mul", "Div", "Neg", "Mean", "Sum", "Nansum", "Dot"),
        *("Minimum", "Maximum", "Where", "Cat", "Stack", "MaskedFill", "MaskedSelect"),
    )
}

# Nodes of a distance that is written out.
BY_HAND = frozenset({"PowBackward", "MulBackward", "AbsBackward"})

# Nodes that a hand-written loss or normalisation puts between the head and the criterion.
HAND_WRITTEN = frozenset(f"{n}Backward" for n in ("Add", "Sub", "Mul", "Log", "Div", "Neg", "Exp"))


# Nodes that bend a score on its way to a criterion and are no acts.
BENDS = frozenset(f"{n}Backward" for n in ("Abs", "Pow", "Sqrt"))


@dataclass(slots=True)
class Criterion:
    """The function that makes the loss out of the head's output.

    Attributes:
        name: one of `CRITERIA`, or ``"unknown"``.
        node: its node in the graph.
        entry: the input that leads to the head.
        weighed: the product of its logarithms with soft targets; None without soft targets.
        gathered: the node that takes the logarithm, or the probability, of each target's class.
        masked: the product of the terms with a mask of zeros and ones (padding of sequences).
        judges: the criterion that it is, where `name` says only that it is a likelihood.
    """

    name: str
    node: AutogradNode
    entry: AutogradNode | None
    weighed: AutogradNode | None = None
    gathered: AutogradNode | None = None
    masked: AutogradNode | None = None
    judges: str = ""


@dataclass(slots=True)
class Head:
    """The last affine node, and the acts between it and the criterion, the last applied last."""

    affine: AutogradNode | None
    acts: list[AutogradNode] = field(default_factory=list[AutogradNode])


def criterion(graph: AutogradGraph) -> Criterion:
    """Find the criterion nearest to the loss; ``unknown`` where none is recognised."""
    queue, visited = [graph.root], {graph.root}
    for node in queue:
        found = _recognised(graph, node)
        if found is not None:
            return found
        if kind(node) in AFFINE or kind(node) in OPAQUE:
            continue
        for source in signal_inputs(node):
            if source not in visited:
                visited.add(source)
                queue.append(source)
        if len(queue) > 200:  # a criterion stands near the loss
            break
    return Criterion("unknown", graph.root, graph.root)


def _recognised(graph: AutogradGraph, node: AutogradNode) -> Criterion | None:
    """The criterion that a node computes, or is the core of; None for any other node."""
    name = kind(node)
    if name in CRITERIA:
        named = _named(CRITERIA[name], node)
        named.masked = _mask(graph, node)
        return named
    if node in graph.derived:
        return None  # the square of a gradient is a penalty, no distance to a target
    if name == "LogSoftmaxBackward":  # soft targets: -(y * log_softmax(z)).sum()
        return _log_softmax(graph, node)
    if name == "LogsumexpBackward":
        return _log_sum(graph, node)
    if name == "PowBackward" and _is_square(graph, node):
        return Criterion("mse", node, first_signal(node))
    if name == "MulBackward" and (product := _multiplied(graph, node)):
        return Criterion(product, node, first_signal(node))
    if name == "AbsBackward":
        return Criterion("l1", node, first_signal(node))
    if name == "LogBackward":
        return _likelihood(graph, node)
    return None


def has_signed_weights(graph: AutogradGraph) -> bool:
    """Whether a term of the loss weighs its rows by constants of both signs: a policy gradient.

    Such a term has no floor, and what it is worth says nothing of how well the policy does. Labels
    of -1 and 1 (a hinge) are no weights, and neither is what multiplies a prediction before its
    distance is taken (`x * model(x)`, a sum over a basis): only sums and averages are looked
    through. A product with a vector of length one is a cosine, which has a floor.
    """
    queue, visited = [graph.root], {graph.root}
    for node in queue:
        weights = None if node in graph.derived else constant_of(node)
        if weights is not None and weights.is_floating_point() and weights.numel() >= FEWEST:
            some = weights.detach().reshape(-1)[:1024].float()
            signs = bool((some > 0).any() and (some < 0).any())
            alike = not bool((some.abs() != some.abs()[0]).any())
            if signs and not alike and not _of_length_one(node):
                return True
        if kind(node) not in SUMS or _several_factors(node) or len(queue) > MOST_BACK:
            continue
        for source in signal_inputs(node):
            if source not in visited:
                visited.add(source)
                queue.append(source)
    return False


def _of_length_one(node: AutogradNode) -> bool:
    """Whether the computed factor of a product was divided by what the model computed (a norm)."""
    source = first_signal(node)
    return source is not None and kind(source) == "DivBackward" and len(signal_inputs(source)) > 1


def _several_factors(node: AutogradNode) -> bool:
    """Whether a node multiplies two signals, as the square of a difference does."""
    return kind(node) == "MulBackward" and len(signal_inputs(node)) > 1


def _is_square(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether a power is a square, and no factor of a criterion (a focal loss)."""
    if float(getattr(node, "_saved_exponent", 0)) != 2:
        return False
    users = graph.consumers(node)
    return not any(kind(u) == "MulBackward" and len(signal_inputs(u)) == 2 for u in users)


def _log_softmax(graph: AutogradGraph, node: AutogradNode) -> Criterion:
    made = Criterion("cross_entropy", node, first_signal(node), _product(graph, node))
    made.gathered = _picked(graph, node)
    made.masked = None if made.gathered is None else _mask(graph, made.gathered)
    return made


def _log_sum(graph: AutogradGraph, node: AutogradNode) -> Criterion | None:
    """A cross-entropy as log-sum-exp minus the logit of the target's class."""
    source = first_signal(node)
    gathered = None if source is None else _picked(graph, source)
    if source is None or gathered is None:
        return None
    return Criterion(
        "cross_entropy", node, source, gathered=gathered, masked=_mask(graph, gathered)
    )


def _likelihood(graph: AutogradGraph, node: AutogradNode) -> Criterion:
    """A likelihood by hand: of probabilities times targets, or of the target's class."""
    made = Criterion("log_likelihood", node, first_signal(node))
    weighed = _product(graph, node)
    weights = None if weighed is None else constant_of(weighed)
    if weights is not None and weights.dim() and weights.numel() > 1:
        rows = weights.detach()[:256].float()
        whole = bool((rows >= 0).all() and (rows <= 1).all())
        one = rows.dim() > 1 and rows.shape[-1] > 1
        one = one and bool(((rows.sum(-1) - 1).abs() < SUMS_TO_ONE).all())
        logs = sum(kind(other) == "LogBackward" for other in graph.nodes)
        if whole and (one or logs == 2):
            made.weighed, made.judges = weighed, "cross_entropy" if one else "bce"
        return made
    before = made.entry
    while before is not None and index_of(before) is None:
        guards = ("AddBackward", "ClampBackward", "ClampMinBackward")
        steps = kind(before) in RESHAPE or kind(before) in guards
        before = first_signal(before) if steps else None
    source = None if before is None else first_signal(before)
    if source is not None and kind(source) == "SoftmaxBackward":
        made.gathered, made.judges = before, "cross_entropy"
        made.masked = _mask(graph, node)
    return made


def constant_of(node: AutogradNode) -> Tensor | None:
    """The tensor without a gradient that a product has as one factor."""
    if kind(node) != "MulBackward" or len(signal_inputs(node)) != 1:
        return None
    value = saved(node, "_saved_other" if inputs(node)[0] is not None else "_saved_self")
    return value if isinstance(value, Tensor) else None


def mask_of_terms(node: AutogradNode) -> Tensor | None:
    """What a node multiplies its terms with, or which of them it does not fill."""
    filled = saved(node, "_saved_mask") if kind(node) == "MaskedFillBackward" else None
    return ~filled if isinstance(filled, Tensor) else constant_of(node)


def index_of(node: AutogradNode) -> Tensor | None:
    """The class numbers by which a node picks one entry of each row; None for any other node."""
    if kind(node) == "GatherBackward":
        index = saved(node, "_saved_index")
    elif kind(node) == "IndexBackward":
        indices = saved(node, "_saved_indices")
        index = indices[-1] if indices and len(indices) > 1 else None
    else:
        return None
    if not isinstance(index, Tensor) or index.is_floating_point() or index.dtype is torch.bool:
        return None
    return index


def _picked(graph: AutogradGraph, node: AutogradNode) -> AutogradNode | None:
    """The node that picks the target's class out of a node's output."""
    todo, visited = [*graph.consumers(node)], 0
    while todo and visited < 8:
        user, visited = todo.pop(0), visited + 1
        if index_of(user) is not None:
            return user
        if kind(user) in RESHAPE or kind(user) == "NegBackward":
            todo.extend(graph.consumers(user))
    return None


def _mask(graph: AutogradGraph, node: AutogradNode) -> AutogradNode | None:
    """The product with a mask of zeros and ones that the terms of a criterion enter."""
    found = _weighing(graph, node)
    mask = None if found is None else mask_of_terms(found)
    if mask is None:
        return None
    entries = mask.detach().reshape(-1)[:4096]
    return found if bool(((entries == 0) | (entries == 1)).all()) else None


def factors_of_terms(graph: AutogradGraph, spec: Criterion) -> Tensor | None:
    """What the terms of a criterion are multiplied with, one by one; None without such factors."""
    found = _weighing(graph, spec.gathered or spec.node)
    return None if found is None else mask_of_terms(found)


def _weighing(graph: AutogradGraph, node: AutogradNode) -> AutogradNode | None:
    """The product with constants that the terms of a criterion enter."""
    for _ in range(6):
        users = graph.consumers(node)
        if len(users) != 1:
            return None
        node = users[0]
        mask = mask_of_terms(node)
        if mask is not None and mask.numel() > 1:
            return node
        if kind(node) not in RESHAPE | {"NegBackward", "SubBackward", "MulBackward"}:
            return None
    return None


def _multiplied(graph: AutogradGraph, node: AutogradNode) -> str:
    """The name of the criterion that a product is part of, or ``""``."""
    return "mse" if _squares(node) else "kl_div" if _divergence(graph, node) else ""


def _squares(node: AutogradNode) -> bool:
    """Whether a node multiplies a signal with itself."""
    sources = signal_inputs(node)
    return len(sources) == 2 and sources[0] is sources[1]


def _divergence(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether a product belongs to a divergence that was given probabilities: y (log y - p).

    torch composes it from a product and a difference, so it has no node of its own. With log
    probabilities it is a cross-entropy with soft targets, and recognised as such.
    """
    source = first_signal(node)
    while source is not None and kind(source) in RESHAPE:
        source = first_signal(source)
    if len(signal_inputs(node)) != 1 or source is None or kind(source) != "SoftmaxBackward":
        return False
    users = graph.consumers(node)
    if len(users) != 1 or kind(users[0]) != "SubBackward" or len(signal_inputs(users[0])) != 1:
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
    """The product with a constant that consumer consumes this node's output, or None."""
    users = graph.consumers(node)
    consumer = users[0] if len(users) == 1 and kind(users[0]) == "MulBackward" else None
    return consumer if consumer is not None and len(signal_inputs(consumer)) == 1 else None


def _named(name: str, node: AutogradNode) -> Criterion:
    entry = first_signal(node)
    if name == "nll":
        while entry is not None and kind(entry) in RESHAPE:
            entry = first_signal(entry)
        if entry is not None and kind(entry) == "LogSoftmaxBackward":
            return Criterion("cross_entropy", node, first_signal(entry))
    return Criterion(name, node, entry)


def first_signal(node: AutogradNode) -> AutogradNode | None:
    """The first computed input of a node, or None."""
    return next(iter(signal_inputs(node)), None)


def head(criterion: Criterion, graph: AutogradGraph | None = None) -> Head:
    """Find the affine layer behind the criterion's input, and the acts between.

    In the graph of a loss that takes a gradient of the model it is the last affine node of the
    model whose output no other node of it takes.
    """
    if graph is not None and graph.derived:
        ends = (n for n in reversed(graph.nodes) if kind(n) in AFFINE and n not in graph.derived)
        return Head(next((n for n in ends if _is_model_s(graph, n) and _ends(graph, n)), None))
    acts: list[AutogradNode] = []
    node = criterion.entry
    for _ in range(64):
        if node is None:
            return Head(None, acts[::-1])
        name = kind(node)
        if name in AFFINE:
            return Head(node, acts[::-1])
        entry = by_node().get(name_of(node))
        if entry is not None and entry[1].constant_input and not has_constant(node):
            return Head(None, acts[::-1])
        if entry is not None:
            acts.append(node)
        elif name not in RESHAPE | HAND_WRITTEN and not (
            name in BENDS and (acts or criterion.name in KNOWN)
        ):
            return Head(None, acts[::-1])
        sources = _without_sum(node, signal_inputs(node))
        node = max(sources, key=lambda source: source._sequence_nr()) if sources else None
    return Head(None, acts[::-1])


def _is_model_s(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether the model computed a node: a constant gradient times a weight is backward's own.

    What it makes is taken by derived nodes alone.
    """
    return bool(signal_inputs(node) or graph.consumers(node))


def _ends(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether no layer takes a node's output, and no act whose layer is seen in backward alone."""
    todo, visited = [*graph.consumers(node)], 0
    derived = {source for one in graph.derived for source in inputs(one)}
    while todo and visited < 32:
        user, visited = todo.pop(), visited + 1
        if kind(user) in AFFINE or (name_of(user) in by_node() and user in derived):
            return False
        todo.extend(graph.consumers(user))
    return True


def _without_sum(node: AutogradNode, sources: list[AutogradNode]) -> list[AutogradNode]:
    """The inputs without a sum that divides: for rows divided by their own sum, only the rows."""
    return sources[:1] if renormalises(node) else sources


def renormalises(node: AutogradNode) -> bool:
    """Whether a node divides rows by their own sum, at most a small constant added to it."""
    sources = signal_inputs(node)
    if kind(node) != "DivBackward" or len(sources) != 2:
        return False
    below: AutogradNode | None = sources[1]
    while below is not None and kind(below) != "SumBackward":
        if kind(below) not in RESHAPE and kind(below) not in ("AddBackward", "ClampBackward"):
            return False
        below = first_signal(below) if len(signal_inputs(below)) == 1 else None
    return below is not None and first_signal(below) is sources[0]


def rows_at_criterion(
    graph: AutogradGraph, criterion: Criterion, head: Head
) -> tuple[float, float] | None:
    """(largest abs(row sum - 1), least entry) of the criterion's input; None if not saved."""
    values: Tensor | None = None
    axis = -1
    if head.acts and criterion.entry is not None and _reaches(criterion.entry, head.acts[-1]):
        last = head.acts[-1]
        act, record = by_node()[name_of(last)]
        if act.name in ("softmax", "log_softmax"):
            values, axis = saved(last, "_saved_result"), signed_axis(last._saved_dim)
        elif record.holds == "post":
            values = None if last in graph.sealed else record.read(last)
    elif criterion.name in ("bce_with_logits", "bce", "mse"):
        values = saved(criterion.node, "_saved_self")
    elif criterion.entry is not None and kind(criterion.entry) == "DivBackward":
        top = saved(criterion.entry, "_saved_self")
        below = saved(criterion.entry, "_saved_other")
        if isinstance(top, Tensor) and isinstance(below, Tensor):
            values = top.detach() / below.detach()
    if values is None or values.dim() < 2 or values.numel() == 0:
        return None
    rows = values.detach()[:256].float()
    error = float((rows.sum(axis) - 1).abs().max())
    if values.dtype in (torch.bfloat16, torch.float16):  # each entry is rounded to half an eps
        error = max(error - torch.finfo(values.dtype).eps, 0.0)
    return error, float(rows.min())


def _reaches(node: AutogradNode, goal: AutogradNode) -> bool:
    """Whether `goal` is `node` or feeds it through reshapes alone."""
    current: AutogradNode | None = node
    while current is not None and current is not goal:
        if kind(current) not in RESHAPE:
            return False
        current = first_signal(current)
    return current is goal
