"""Recomputes the input of an act that torch did not save, from the layer that feeds it.

ReLU, sigmoid and tanh save only their output, and an in-place act has overwritten its input. The
layer before them saved its own input, so on a few rows the pre-activation is one small product
away. The user's model is untouched: no module is called, no random number is drawn.
"""

import torch
from torch import Tensor
from torch.nn import functional

from relume.record.graph.autograd_graph import (
    AutogradNode,
    if_in_memory,
    inputs,
    kind,
    leaf_of,
    passes_through,
    saved,
    signal_inputs,
    weight_of,
)
from relume.record.graph.op_names import AFFINE, BATCH_NORM
from relume.record.measure.act_stats import MOST_ELEMENTS, sample

MOST_PRODUCTS = 2**25  # multiplications of one recomputation: about 10 ms on one core


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
            output = _convolution(source)
            return None if output is None else sample(output, 1, phase)
        if name in BATCH_NORM:
            output = _batch_norm(source)
            return None if output is None else sample(output, 1, phase)
    return None


def output_of(node: AutogradNode, phase: int) -> Tensor | None:
    """A sample (rows, units) of an affine node's output; None if it cannot be recomputed."""
    with torch.no_grad():
        if kind(node) == "ConvolutionBackward":
            output = _convolution(node)
            return None if output is None else sample(output, 1, phase)
        return _product(node, phase)


def bias_of(node: AutogradNode) -> Tensor | None:
    """The bias parameter of an affine node, or None."""
    place = AFFINE[kind(node)].bias
    sources = inputs(node)
    if place is None or place >= len(sources):
        return None
    leaf = if_in_memory(leaf_of(sources[place]))
    return None if leaf is None else leaf.detach()


def _producer(node: AutogradNode) -> AutogradNode | None:
    """The affine or norm node whose output is the act's input, at most reshaped or shifted."""
    current = node
    added = False
    for _ in range(8):
        sources = signal_inputs(current)
        if len(sources) != 1:
            return None
        current = sources[0]
        name = kind(current)
        if name in AFFINE or name in BATCH_NORM:
            # After a product without a bias, one may have been added by hand.
            return None if added else current
        if passes_through(current) is None or name in ("MulBackward", "DivBackward"):
            return None
        added = added or name.startswith(("Add", "Sub", "Rsub"))
    return None


def _product(node: AutogradNode, phase: int) -> Tensor | None:
    data = saved(node, AFFINE[kind(node)].saved_data)
    return None if data is None else _times(node, sample(data, data.dim() - 1, phase))


def _times(node: AutogradNode, rows: Tensor) -> Tensor | None:
    """The output of an affine node on rows of its data, as many as the bounds allow."""
    weight = weight_of(node)
    if weight is None or weight.dim() != 2:
        return None
    if kind(node) == "LinearBackward":
        weight = weight.t()
    elif (
        float(getattr(node, "_saved_alpha", 1)) != 1 or float(getattr(node, "_saved_beta", 1)) != 1
    ):
        return None
    most_rows = min(
        MOST_ELEMENTS // max(weight.shape[1], 1), MOST_PRODUCTS // max(weight.numel(), 1)
    )
    rows = rows[: max(1, most_rows)]
    product = rows @ weight.detach().float()
    bias = bias_of(node)
    return product if bias is None else product + bias.float()


def _convolution(node: AutogradNode) -> Tensor | None:
    data, weight = saved(node, "_saved_input"), weight_of(node)
    if data is None or weight is None or node._saved_transposed or data.dim() < 3:
        return None
    products = weight.numel() * data[0, 0].numel()
    examples = max(1, min(8, MOST_PRODUCTS // max(products, 1)))
    if products > MOST_PRODUCTS:
        return None
    call = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}[data.dim()]
    bias = bias_of(node)
    return call(
        data.detach()[:examples].float(),
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
    rows = data.detach()[: max(1, MOST_ELEMENTS // max(data[0].numel(), 1)) + 7].float()
    output = (rows - mean.reshape(shape)) * scale.reshape(shape)
    leaves = [leaf for source in inputs(node)[1:] if (leaf := leaf_of(source)) is not None]
    if any(if_in_memory(leaf) is None for leaf in leaves):
        return None
    if weight is not None:
        output = output * weight.detach().reshape(shape).float()
    if len(leaves) == 2:  # weight and bias
        output = output + leaves[1].detach().reshape(shape).float()
    return output


def first_rows(node: AutogradNode, phase: int) -> tuple[Tensor, int, int] | None:
    """Consecutive rows of the tensor that entered `node`.

    Args:
        node: the node whose input is wanted.
        phase: number of the record, which selects the first row.

    Returns:
        (rows, units) in float32, the unit axis of the tensor, and the number of the first row
        once the units are moved last and the rest is flattened; None if it cannot be recomputed.
    """
    source = _producer(node)
    return None if source is None else first_rows_of(source, phase)


def first_rows_of(source: AutogradNode, phase: int) -> tuple[Tensor, int, int] | None:
    """The same of the output of an affine node or a batch norm; None of any other node."""
    name = kind(source)
    if name not in AFFINE and name not in BATCH_NORM:
        return None
    with torch.no_grad():
        if name == "ConvolutionBackward":
            output = _convolution(source)
        elif name in BATCH_NORM:
            output = _batch_norm(source)
        else:
            return _first_product(source, phase)
        if output is None:
            return None
        return output.movedim(1, -1).reshape(-1, output.shape[1]), 1, 0


def _first_product(node: AutogradNode, phase: int) -> tuple[Tensor, int, int] | None:
    data = saved(node, AFFINE[kind(node)].saved_data)
    if data is None:
        return None
    rows = data.detach().reshape(-1, data.shape[-1])
    count = min(64, max(1, MOST_ELEMENTS // max(rows.shape[1], 1)))
    begin = (phase * count) % max(rows.shape[0] - count + 1, 1)
    product = _times(node, rows[begin : begin + count].float())
    return None if product is None else (product, -1, begin)
