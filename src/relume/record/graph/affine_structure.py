"""Finds structure in the graph: affine maps in a row, biases under a norm, entering data.

`affine_pairs` yields two affine maps with nothing but affine operations between them,
`centred_biases` the biases that a batch norm removes again, `data_inputs` the nodes at which the
user's data enter.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    is_leaf,
    kind,
    leaf_of,
    passes_through,
    saved,
    signal_inputs,
    weight_of,
)
from relume.record.graph.double_backward import is_backward_product
from relume.record.graph.op_names import AFFINE, BATCH_NORM, LINEAR, RESHAPE
from relume.record.graph.recompute import MOST_PRODUCTS, bias_of
from relume.record.measure.act_stats import sample


@dataclass(slots=True)
class AffinePair:
    """Two affine nodes with only affine operations between, in forward order."""

    first: AutogradNode
    second: AutogradNode
    between: list[AutogradNode]


def affine_pairs(graph: AutogradGraph) -> Iterator[AffinePair]:
    """Yield every affine node that another feeds with only affine operations between.

    There must be one path: where the first map's output is also used elsewhere, or where two
    signals meet, the two maps cannot be merged.
    """
    for second in graph.nodes:
        if kind(second) not in AFFINE or second in graph.derived or not _has_weight(second):
            continue
        node = inputs(second)[AFFINE[kind(second)].data]
        between: list[AutogradNode] = []
        while node is not None and not is_leaf(node):
            if len(graph.consumers(node)) > 1:
                break
            if kind(node) in AFFINE:
                if _has_weight(node):
                    yield AffinePair(node, second, between[::-1])
                break
            step = _affine_step(node)
            if step is None:
                break
            between.append(node)
            node = step


def _has_weight(node: AutogradNode) -> bool:
    """Whether the second factor is a parameter (or made from one), not another signal."""
    place = AFFINE[kind(node)].weight
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
    """The input signal of a node that is affine in it; None for any other node."""
    name = kind(node)
    if name in BATCH_NORM or name in LINEAR:
        sources = signal_inputs(node)
        return sources[0] if len(sources) == 1 else None
    return passes_through(node)


def shape_of(pair: AffinePair) -> tuple[int, int, int] | None:
    """(in, middle, out) features or channels of a pair; None where a weight cannot be read."""
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
        field_size = weight[0].numel()  # input channels times kernel: this bounds the rank
        return field_size, weight.shape[0]
    if kind(node) == "LinearBackward":
        return weight.shape[1], weight.shape[0]
    return weight.shape[0], weight.shape[1]


def exempt_reason(pair: AffinePair) -> str | None:
    """Why two affine maps in a row are intended, or None if nothing explains them."""
    for node in (pair.first, pair.second):
        if int(getattr(node, "_saved_groups", 1)) > 1:
            return "separable convolution: depthwise, then pointwise"
        sources = inputs(node)
        if sources[AFFINE[kind(node)].weight] is None:
            return "one of the two is frozen: a probe or an adapter on a fixed map"
    size = shape_of(pair)
    if size is not None and size[1] < min(size[0], size[2]):
        return f"low-rank: {size[0]} to {size[1]} to {size[2]} is a factorisation, not a waste"
    first, second = _weight(pair.first), _weight(pair.second)
    if first is not None and second is not None and first.data_ptr() == second.data_ptr():
        return "tied: both maps share one weight"
    return None


def additivity_error(pair: AffinePair) -> float | None:
    """The relative difference, on sampled rows, between the pair and one linear map.

    The pair's observed output is compared with the output of the product of its two weights.

    Returns:
        norm(H W2 - (X W1 W2 + b1 W2)) / norm(H W2), with X the input of the first map and H the
        input of the second in the same forward; None where the two do not match row by row.
    """
    if any(kind(node) not in RESHAPE for node in pair.between):
        return None
    with torch.no_grad():
        if "ConvolutionBackward" in (kind(pair.first), kind(pair.second)):
            return None
        data, middle = (saved(n, AFFINE[kind(n)].saved_data) for n in (pair.first, pair.second))
        first, second = (_oriented(n) for n in (pair.first, pair.second))
        if data is None or middle is None or first is None or second is None:
            return None
        rows, hidden = (
            sample(data, data.dim() - 1, 0)[:32],
            sample(middle, middle.dim() - 1, 0)[:32],
        )
        if rows.shape[0] != hidden.shape[0] or hidden.shape[1] != first.shape[1]:
            return None
        if first.numel() * second.shape[1] > MOST_PRODUCTS * 8:
            return None
        product: Tensor = rows @ (first @ second)
        bias = bias_of(pair.first)
        if bias is not None:
            product = product + bias.float() @ second
        observed: Tensor = hidden @ second
        error, size = (observed - product).square().sum(), observed.square().sum()
        return float((error / size.clamp(min=1e-30)).sqrt())


def _oriented(node: AutogradNode) -> Tensor | None:
    weight = _weight(node)
    if weight is None:
        return None
    return weight.float().t() if kind(node) == "LinearBackward" else weight.float()


def centred_biases(graph: AutogradGraph) -> list[Tensor]:
    """The biases that a batch norm removes again: their gradient is zero by structure."""
    biases: list[Tensor] = []
    for node in graph.nodes:
        if kind(node) not in BATCH_NORM:
            continue
        source = next(iter(signal_inputs(node)), None)
        while source is not None and kind(source) in RESHAPE:
            source = next(iter(signal_inputs(source)), None)
        if source is not None and kind(source) in AFFINE:
            bias = bias_of(source)
            if bias is not None:
                biases.append(bias)
    return biases


def _is_data(node: AutogradNode, source: AutogradNode | None) -> bool:
    """Whether a layer's input is data: it has no gradient, or is a leaf that is no parameter."""
    if is_backward_product(node):
        return False
    leaf = leaf_of(source)
    return source is None or (leaf is not None and not isinstance(leaf, torch.nn.Parameter))


def data_inputs(graph: AutogradGraph) -> Iterator[tuple[AutogradNode, Tensor]]:
    """Yield the affine and recurrent nodes at which the user's data enter: the network's inputs."""
    for node in graph.nodes:
        name = kind(node)
        if name in AFFINE and _is_data(node, inputs(node)[AFFINE[name].data]):
            data = saved(node, AFFINE[name].saved_data)
        elif name in ("MkldnnRnnLayerBackward", "CudnnRnnBackward") and inputs(node)[0] is None:
            data = saved(node, "_saved_input")
        else:
            continue
        if isinstance(data, Tensor) and data.is_floating_point() and data.dim() >= 2:
            yield node, data
