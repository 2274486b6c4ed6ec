"""Reads the factor between the criterion's value and the loss."""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    is_leaf,
    kind,
    output_shape,
    signal_inputs,
    signed_axis,
)
from relume.record.graph.criterion import BY_HAND, CRITERIA, Criterion, constant_of
from relume.record.graph.loss_terms import Term, number_of, split
from relume.record.graph.op_names import RESHAPE

WEIGHTY = 0.1  # of the criterion's factor: a lighter term changes little of what guessing gives
SOFTMAXES = frozenset({"LogSoftmaxBackward", "SoftmaxBackward"})


def loss_scale(
    graph: AutogradGraph, criterion: Criterion, count: int | None = None
) -> float | None:
    """The factor that turns the criterion's value into the loss; None where it is no constant.

    It is 1/4 under an accumulation over four batches.

    Args:
        graph: of the loss.
        criterion: of that graph.
        count: how many terms it has, without ignored and masked ones; None: as many as its
            node's output has rows.
    """
    terms_of_loss, _ = split(graph)
    if sum(kind(term.node) in CRITERIA for term in terms_of_loss) > 1:
        return None  # of a sum of criteria one alone does not tell what guessing gives
    by_hand = (criterion.weighed, criterion.gathered) != (None, None)
    by_hand = by_hand or kind(criterion.node) in BY_HAND  # its own sums look like terms
    if not by_hand and _is_judged_twice(terms_of_loss, criterion):
        return None
    begin = _begin(criterion)
    if begin is not None:
        if kind(begin) in BY_HAND and begin is criterion.node:
            count = math.prod(output_shape(begin) or (1,))
        return _soft_scale(graph, begin, float(_rows(criterion, begin) if count is None else count))
    node, scale, terms = graph.root, 1.0, False
    for _ in range(64):
        if node is criterion.node:
            # label smoothing weighs the criterion with 1 - epsilon, and adds the rest
            return (
                1.0 if terms and criterion.name == "cross_entropy" and 0.5 <= scale < 1 else scale
            )
        name, sources = kind(node), [s for s in signal_inputs(node) if _leads_to(s, criterion.node)]
        if not sources:
            return None
        if name in ("MulBackward", "DivBackward"):
            factor = number_of(node) if len(signal_inputs(node)) == 1 else None
            if factor is None or factor == 0:
                return None
            scale = scale * factor if name == "MulBackward" else scale / factor
        elif name in ("AddBackward", "SubBackward"):
            terms = True
        elif name not in RESHAPE and name != "MeanBackward":
            return None
        node = sources[0]
    return None


def _is_judged_twice(terms: Sequence[Term], criterion: Criterion) -> bool:
    """Whether another term of weight judges the same output (an overlap beside a cross-entropy).

    A term that enters by the criterion's own softmax is its label smoothing; a penalty of the
    weights, or of a latent, does not come by the output.
    """
    output, through = next(iter(signal_inputs(criterion.node)), None), {criterion.node}
    if output is not None and kind(output) in SOFTMAXES:
        through.add(output)
        output = next(iter(signal_inputs(output)), None)
    if output is None or is_leaf(output):
        return False
    own = [term.factor for term in terms if _leads_to(term.node, criterion.node)]
    least = WEIGHTY * min(own, default=math.inf)
    return any(
        term.factor >= least
        and not _leads_to(term.node, criterion.node)
        and _leads_to(term.node, output, through)
        for term in terms
    )


def _soft_scale(graph: AutogradGraph, goal: AutogradNode, count: float) -> float | None:
    """The same where sums and means are written out: the criterion is a mean of `count` terms."""
    node, scale, terms = graph.root, count, False
    for _ in range(64):
        if node is goal:
            # label smoothing weighs the criterion with 1 - epsilon, and adds the rest
            return 1.0 if terms and 0.5 <= scale < 1 else scale
        name, sources = kind(node), [s for s in signal_inputs(node) if _leads_to(s, goal)]
        if not sources:
            return None
        if name in ("MulBackward", "DivBackward"):
            mask = constant_of(node)
            factor = number_of(node) if len(signal_inputs(node)) == 1 else None
            if mask is not None and mask.numel() > 1:
                factor = 1.0 if _is_mask(mask) else None
            if not factor:
                return None
            scale = scale * abs(factor) if name == "MulBackward" else scale / abs(factor)
        elif name == "MeanBackward":
            scale /= _averaged(node)
        elif name == "AddBackward" and len(signal_inputs(node)) == 2 and not output_shape(node):
            terms = True
        elif name == "WhereBackward" and node._input_metadata[0].shape:
            return None  # of one number it is a guard against a division by zero
        elif name not in RESHAPE and name not in TERMS:
            return None
        node = sources[0]
    return None


# Sums of the criterion's terms; a difference of logarithms has two terms.
TERMS = frozenset(
    f"{n}Backward" for n in ("Sum", "Neg", "Add", "Sub", "Where", "MaskedFill", "Logsumexp", "Log")
)


def _is_mask(mask: Tensor) -> bool:
    entries = mask.detach().reshape(-1)[:4096]
    return bool(((entries == 0) | (entries == 1)).all())


def _begin(criterion: Criterion) -> AutogradNode | None:
    """The node from whose output the terms of a criterion are added up; None if it does so."""
    if criterion.gathered is not None:
        by_hand = kind(criterion.node) == "LogBackward"
        return criterion.node if by_hand else criterion.gathered
    if criterion.weighed is not None:
        return criterion.weighed
    single = getattr(criterion.node, "_saved_reduction", None) == 0 or criterion.masked is not None
    return criterion.node if single or kind(criterion.node) in BY_HAND else None


def _rows(criterion: Criterion, begin: AutogradNode) -> int:
    """How many terms a criterion has whose targets were not read."""
    shape = output_shape(begin) or (1,)
    return shape[0] if criterion.weighed is not None else math.prod(shape)


def _averaged(node: AutogradNode) -> int:
    """How many numbers each mean is taken over."""
    whole = getattr(node, "_saved_self_sym_numel", None)
    sizes = getattr(node, "_saved_self_sym_sizes", None)
    if sizes is None:
        return int(whole or 1)
    total = 1
    for axis in getattr(node, "_saved_dim", None) or range(len(sizes)):
        total *= int(sizes[signed_axis(axis)])
    return total


def _leads_to(
    node: AutogradNode, goal: AutogradNode, closed: AbstractSet[AutogradNode] = frozenset()
) -> bool:
    """Whether `goal` is near behind this node, on a way that does not lead through `closed`."""
    todo, visited = [node], 0
    while todo and visited < 200:
        current, visited = todo.pop(0), visited + 1
        if current is goal:
            return True
        if current not in closed:
            todo.extend(signal_inputs(current))
    return False
