"""What the graph says of the model's structure: how the loss judges, what the head is, and where
two affine maps stand with nothing between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from relume.acts.act import by_node
from relume.record.graph import (
    AFFINE,
    BATCH_NORM,
    LINEAR,
    OPAQUE,
    RESHAPE,
    AutogradNode,
    Graph,
    inputs,
    is_leaf,
    kind,
    passes_through,
    signals,
    weight_of,
)
from relume.record.replay import MOST_PRODUCTS, bias_of
from relume.record.stats import sample

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


# What a hand-written loss or normalisation puts between the head and the criterion's input.
HAND_WRITTEN = frozenset(f"{n}Backward" for n in ("Add", "Sub", "Mul", "Log", "Div", "Neg", "Exp"))


@dataclass(slots=True)
class Criterion:
    """How the loss judges: its name, its node, and the input from which the head is reached."""

    name: str
    node: AutogradNode
    entry: AutogradNode | None


@dataclass(slots=True)
class Head:
    """The last affine node, and the acts between it and the criterion, the last applied last."""

    affine: AutogradNode | None
    acts: list[AutogradNode] = field(default_factory=list[AutogradNode])


@dataclass(slots=True)
class Pair:
    """Two affine nodes with only affine operations between, in forward order."""

    first: AutogradNode
    second: AutogradNode
    between: list[AutogradNode]


def criterion(graph: Graph) -> Criterion:
    """The criterion nearest to the loss; ``unknown`` where none is recognised."""
    queue, seen = [graph.root], {graph.root}
    for node in queue:
        name = kind(node)
        if name in CRITERIA:
            return _named(CRITERIA[name], node)
        if name == "LogSoftmaxBackward":  # soft targets: -(y * log_softmax(z)).sum()
            return Criterion("cross_entropy", node, _first(node))
        if name == "PowBackward" and float(getattr(node, "_saved_exponent", 0)) == 2:
            return Criterion("mse", node, _first(node))
        if name == "AbsBackward":
            return Criterion("l1", node, _first(node))
        if name == "LogBackward":
            return Criterion("log_likelihood", node, _first(node))
        if name in AFFINE or name in OPAQUE:
            continue
        for source in signals(node):
            if source not in seen:
                seen.add(source)
                queue.append(source)
        if len(queue) > 200:  # a criterion stands near the loss
            break
    return Criterion("unknown", graph.root, graph.root)


def _named(name: str, node: AutogradNode) -> Criterion:
    entry = _first(node)
    if name == "nll":
        while entry is not None and kind(entry) in RESHAPE:
            entry = _first(entry)
        if entry is not None and kind(entry) == "LogSoftmaxBackward":
            return Criterion("cross_entropy", node, _first(entry))
    return Criterion(name, node, entry)


def _first(node: AutogradNode) -> AutogradNode | None:
    return next(iter(signals(node)), None)


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
        if node.name() in by_node():
            acts.append(node)
        elif name not in RESHAPE and name not in HAND_WRITTEN:
            return Head(None, acts[::-1])
        sources = signals(node)
        node = max(sources, key=lambda source: source._sequence_nr()) if sources else None
    return Head(None, acts[::-1])


def rows_at_criterion(found: Criterion, ends: Head) -> tuple[float, float] | None:
    """(largest abs(row sum - 1), least entry) of what enters the criterion, where it is kept."""
    values: Tensor | None = None
    axis = -1
    if ends.acts and found.entry is not None and _reaches(found.entry, ends.acts[-1]):
        last = ends.acts[-1]
        act, shown = by_node()[last.name()]
        if act.name in ("softmax", "log_softmax"):
            values, axis = last._saved_result, int(last._saved_dim)
            axis = axis - 2**64 if axis >= 2**63 else axis  # torch saves -1 unsigned
        elif shown.holds == "post":
            values = shown.read(last)
    elif found.name in ("bce_with_logits", "bce", "mse"):
        values = getattr(found.node, "_saved_self", None)
    elif found.entry is not None and kind(found.entry) == "DivBackward":
        top = getattr(found.entry, "_saved_self", None)
        below = getattr(found.entry, "_saved_other", None)
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
        current = _first(current)
    return current is goal


def affine_pairs(graph: Graph) -> Iterator[Pair]:
    """Every affine node that is fed by another with only affine operations between.

    The path must be the only one: where the first map's output is used elsewhere too, or where
    two signals meet, the two maps are not one.
    """
    for second in graph.nodes:
        if kind(second) not in AFFINE or not _has_weight(second):
            continue
        node = inputs(second)[AFFINE[kind(second)][0]]
        between: list[AutogradNode] = []
        while node is not None and not is_leaf(node):
            if len(graph.consumers(node)) > 1:
                break
            if kind(node) in AFFINE:
                if _has_weight(node):
                    yield Pair(node, second, between[::-1])
                break
            step = _affine_step(node)
            if step is None:
                break
            between.append(node)
            node = step


def _has_weight(node: AutogradNode) -> bool:
    """Whether the second factor is a parameter (or made from one), not another signal."""
    place = AFFINE[kind(node)][1]
    sources = inputs(node)
    weight = sources[place] if place < len(sources) else None
    for _ in range(4):
        if weight is None or is_leaf(weight):
            return True
        if kind(weight) not in RESHAPE:
            return False
        weight = next((source for source in inputs(weight) if source is not None), None)
    return False


def _affine_step(node: AutogradNode) -> AutogradNode | None:
    """The signal behind a node that is affine in it, given the rest; None for any other node."""
    name = kind(node)
    if name in BATCH_NORM or name in LINEAR:
        sources = signals(node)
        return sources[0] if len(sources) == 1 else None
    return passes_through(node)


def shape_of(pair: Pair) -> tuple[int, int, int] | None:
    """(in, middle, out) features or channels of a pair; None where they cannot be read."""
    first, second = _weight(pair.first), _weight(pair.second)
    if first is None or second is None:
        return None
    into, middle = _in_out(pair.first, first)
    _, out = _in_out(pair.second, second)
    return into, middle, out


def _weight(node: AutogradNode) -> Tensor | None:
    weight = weight_of(node)
    return weight if weight is not None and weight.dim() >= 2 else None


def _in_out(node: AutogradNode, weight: Tensor) -> tuple[int, int]:
    if kind(node) == "ConvolutionBackward":
        field_size = weight[0].numel()  # channels in times kernel: rank is bounded by all of it
        return field_size, weight.shape[0]
    if kind(node) == "LinearBackward":
        return weight.shape[1], weight.shape[0]
    return weight.shape[0], weight.shape[1]


def exemption(pair: Pair) -> str | None:
    """Why two affine maps in a row are meant to be two, or None."""
    for node in (pair.first, pair.second):
        if int(getattr(node, "_saved_groups", 1)) > 1:
            return "separable convolution: depthwise, then pointwise"
        sources = inputs(node)
        if sources[AFFINE[kind(node)][1]] is None:
            return "one of the two is frozen: a probe or an adapter on a fixed map"
    size = shape_of(pair)
    if size is not None and size[1] < min(size[0], size[2]):
        return f"low-rank: {size[0]} to {size[1]} to {size[2]} is a factorisation, not a waste"
    first, second = _weight(pair.first), _weight(pair.second)
    if first is not None and second is not None and first.data_ptr() == second.data_ptr():
        return "tied: both maps share one weight"
    return None


def additivity_error(pair: Pair) -> float | None:
    """How far the pair is from one linear map: the relative difference, on sampled rows, between
    its observed output and the output of the product of its two weights.

    Returns:
        norm(H W2 - (X W1 W2 + b1 W2)) / norm(H W2) with X what entered the first map and H what
        entered the second in the same forward; None where the two cannot be matched row by row.
    """
    if any(kind(node) not in RESHAPE for node in pair.between):
        return None
    with torch.no_grad():
        if "ConvolutionBackward" in (kind(pair.first), kind(pair.second)):
            return None
        data, middle = (getattr(n, AFFINE[kind(n)][3]) for n in (pair.first, pair.second))
        first, second = (_oriented(n) for n in (pair.first, pair.second))
        if data is None or middle is None or first is None or second is None:
            return None
        rows, seen = sample(data, data.dim() - 1, 0)[:32], sample(middle, middle.dim() - 1, 0)[:32]
        if rows.shape[0] != seen.shape[0] or seen.shape[1] != first.shape[1]:
            return None
        if first.numel() * second.shape[1] > MOST_PRODUCTS * 8:
            return None
        product: Tensor = rows @ (first @ second)
        bias = bias_of(pair.first)
        if bias is not None:
            product = product + bias.float() @ second
        truth: Tensor = seen @ second
        apart, size = (truth - product).square().sum(), truth.square().sum()
        return float((apart / size.clamp(min=1e-30)).sqrt())


def _oriented(node: AutogradNode) -> Tensor | None:
    weight = _weight(node)
    if weight is None:
        return None
    return weight.float().t() if kind(node) == "LinearBackward" else weight.float()


def centred_biases(graph: Graph) -> list[Tensor]:
    """Biases that a batch norm takes out again: their gradient is zero by structure."""
    found: list[Tensor] = []
    for node in graph.nodes:
        if kind(node) not in BATCH_NORM:
            continue
        source = _first(node)
        while source is not None and kind(source) in RESHAPE:
            source = _first(source)
        if source is not None and kind(source) in AFFINE:
            bias = bias_of(source)
            if bias is not None:
                found.append(bias)
    return found


def data_inputs(graph: Graph) -> Iterator[tuple[AutogradNode, Tensor]]:
    """Affine and recurrent nodes whose data carry no gradient: where the user's data enter."""
    for node in graph.nodes:
        name = kind(node)
        if name in AFFINE and inputs(node)[AFFINE[name][0]] is None:
            data = getattr(node, AFFINE[name][3])
        elif name in ("MkldnnRnnLayerBackward", "CudnnRnnBackward") and inputs(node)[0] is None:
            data = getattr(node, "_saved_input", None)
        else:
            continue
        if isinstance(data, Tensor) and data.is_floating_point() and data.dim() >= 2:
            yield node, data


def loss_scale(graph: Graph, found: Criterion) -> float | None:
    """What the criterion's value is multiplied by on its way to the loss (1/4 under an
    accumulation over four batches); None where that is no constant."""
    node, scale, terms = graph.root, 1.0, False
    for _ in range(64):
        if node is found.node:
            # label smoothing weighs the criterion with 1 - epsilon, and adds the rest
            return 1.0 if terms and found.name == "cross_entropy" and 0.5 <= scale < 1 else scale
        name, sources = kind(node), [s for s in signals(node) if _leads_to(s, found.node)]
        if not sources:
            return None
        if name in ("MulBackward", "DivBackward"):
            factor = _constant(node) if len(signals(node)) == 1 else None
            if factor is None or factor == 0:
                return None
            scale = scale * factor if name == "MulBackward" else scale / factor
        elif name in ("AddBackward", "SubBackward"):
            terms = True
        elif name not in RESHAPE and name != "MeanBackward":
            return None
        node = sources[0]
    return None


def _constant(node: AutogradNode) -> float | None:
    value = getattr(node, "_saved_other", None)
    if value is None:
        value = getattr(node, "_saved_self", None)
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else None
    return float(value) if isinstance(value, int | float) else None


def _leads_to(node: AutogradNode, goal: AutogradNode) -> bool:
    """Whether the criterion is near behind this node."""
    todo, seen = [node], 0
    while todo and seen < 200:
        current, seen = todo.pop(0), seen + 1
        if current is goal:
            return True
        todo.extend(signals(current))
    return False


def targets(found: Criterion) -> Tensor | None:
    """The targets that the criterion kept, or None."""
    value: Any = getattr(found.node, "_saved_target", None)
    return value.detach() if isinstance(value, Tensor) else None
