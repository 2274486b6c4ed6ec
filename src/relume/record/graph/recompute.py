"""The input of an act that torch did not keep, computed again from what feeds it.

ReLU, sigmoid and tanh save only their output, and an in-place act has overwritten its input. The
layer before them saved its own input, so on a few rows the pre-activation is one small product
away. Nothing of the user's is touched: no module is called, no random number is drawn.
"""

import torch
from torch import Tensor
from torch.nn import functional

from relume.record.graph.autograd_graph import (
    AutogradNode,
    at_hand,
    carries_signal,
    inputs,
    kind,
    leaf_of,
    passes_through,
    saved,
    weight_of,
)
from relume.record.graph.op_names import AFFINE, BATCH_NORM
from relume.record.measure.act_stats import MOST_ELEMENTS, sample

MOST_PRODUCTS = 2**25  # multiplications a replay may take: about 10 ms on one core


def pre_of(node: AutogradNode, phase: int) -> Tensor | None:
    """A sample (rows, units) of the tensor that entered the act at `node`; None if unknown."""
    source = _producer(node)
    if source is None:
        return None
    name = kind(source)
    with torch.no_grad():
        if name in AFFINE and name != "ConvolutionBackward":
            return _product(source, phase)
        if name == "ConvolutionBackward":
            found = _convolution(source)
            return None if found is None else sample(found, 1, phase)
        if name in BATCH_NORM:
            found = _batch_norm(source)
            return None if found is None else sample(found, 1, phase)
    return None


def output_of(node: AutogradNode, phase: int) -> Tensor | None:
    """A sample (rows, units) of what an affine node returned; None if it cannot be replayed."""
    with torch.no_grad():
        if kind(node) == "ConvolutionBackward":
            found = _convolution(node)
            return None if found is None else sample(found, 1, phase)
        return _product(node, phase)


def bias_of(node: AutogradNode) -> Tensor | None:
    """The bias parameter of an affine node, or None."""
    place = AFFINE[kind(node)][2]
    sources = inputs(node)
    if place is None or place >= len(sources):
        return None
    leaf = at_hand(leaf_of(sources[place]))
    return None if leaf is None else leaf.detach()


def _producer(node: AutogradNode) -> AutogradNode | None:
    """The affine or norm node whose output, reshaped at most, is the act's input."""
    current = node
    added = False
    for _ in range(8):
        sources = carries_signal(current)
        if len(sources) != 1:
            return None
        current = sources[0]
        name = kind(current)
        if name in AFFINE or name in BATCH_NORM:
            # A product without its own bias may have had one added after it.
            return None if added else current
        if passes_through(current) is None or name in ("MulBackward", "DivBackward"):
            return None
        added = added or name.startswith(("Add", "Sub", "Rsub"))
    return None


def _product(node: AutogradNode, phase: int) -> Tensor | None:
    data = saved(node, AFFINE[kind(node)][3])
    return None if data is None else _times(node, sample(data, data.dim() - 1, phase))


def _times(node: AutogradNode, rows: Tensor) -> Tensor | None:
    """What an affine node makes of rows of its data, of as many as the bounds allow."""
    weight = weight_of(node)
    if weight is None or weight.dim() != 2:
        return None
    if kind(node) == "LinearBackward":
        weight = weight.t()
    elif (
        float(getattr(node, "_saved_alpha", 1)) != 1 or float(getattr(node, "_saved_beta", 1)) != 1
    ):
        return None
    room = min(MOST_ELEMENTS // max(weight.shape[1], 1), MOST_PRODUCTS // max(weight.numel(), 1))
    rows = rows[: max(1, room)]
    found = rows @ weight.detach().float()
    bias = bias_of(node)
    return found if bias is None else found + bias.float()


def _convolution(node: AutogradNode) -> Tensor | None:
    data, weight = saved(node, "_saved_input"), weight_of(node)
    if data is None or weight is None or node._saved_transposed or data.dim() < 3:
        return None
    each = weight.numel() * data[0, 0].numel()
    few = max(1, min(8, MOST_PRODUCTS // max(each, 1)))
    if each > MOST_PRODUCTS:
        return None
    call = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}[data.dim()]
    bias = bias_of(node)
    return call(
        data.detach()[:few].float(),
        weight.detach().float(),
        None if bias is None else bias.float(),
        stride=_numbers(node._saved_stride),
        padding=_numbers(node._saved_padding),
        dilation=_numbers(node._saved_dilation),
        groups=int(node._saved_groups),
    )


def _numbers(values: object) -> tuple[int, ...]:
    return tuple(int(value) for value in values)  # type: ignore[attr-defined]


def _batch_norm(node: AutogradNode) -> Tensor | None:
    data, weight = saved(node, "_saved_input"), saved(node, "_saved_weight")
    if data is None or not getattr(node, "_saved_training", True):
        return None
    mean, scale = node._saved_result1, node._saved_result2
    if mean is None or scale is None or mean.numel() != data.shape[1]:
        return None
    shape = (1, -1, *([1] * (data.dim() - 2)))
    few = data.detach()[: max(1, MOST_ELEMENTS // max(data[0].numel(), 1)) + 7].float()
    found = (few - mean.reshape(shape)) * scale.reshape(shape)
    leaves = [leaf for source in inputs(node)[1:] if (leaf := leaf_of(source)) is not None]
    if any(at_hand(leaf) is None for leaf in leaves):
        return None
    if weight is not None:
        found = found * weight.detach().reshape(shape).float()
    if len(leaves) == 2:  # weight and bias
        found = found + leaves[1].detach().reshape(shape).float()
    return found


def first_rows(node: AutogradNode, phase: int) -> tuple[Tensor, int, int] | None:
    """Rows of the tensor that entered `node`, in the order in which they stand in it.

    Args:
        node: what takes the tensor.
        phase: the record's number, from which the first row follows.

    Returns:
        (rows, units) in float32, the unit axis of the tensor, and the number of the first row
        once the units are moved last and the rest is flattened; None if it is not known.
    """
    source = _producer(node)
    if source is None:
        return None
    name = kind(source)
    with torch.no_grad():
        if name == "ConvolutionBackward":
            found = _convolution(source)
        elif name in BATCH_NORM:
            found = _batch_norm(source)
        else:
            return _first_product(source, phase)
        if found is None:
            return None
        return found.movedim(1, -1).reshape(-1, found.shape[1]), 1, 0


def _first_product(node: AutogradNode, phase: int) -> tuple[Tensor, int, int] | None:
    data = saved(node, AFFINE[kind(node)][3])
    if data is None:
        return None
    wide = data.detach().reshape(-1, data.shape[-1])
    few = min(64, max(1, MOST_ELEMENTS // max(wide.shape[1], 1)))
    begin = (phase * few) % max(wide.shape[0] - few + 1, 1)
    found = _times(node, wide[begin : begin + few].float())
    return None if found is None else (found, -1, begin)
