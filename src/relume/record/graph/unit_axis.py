"""Finds the unit axis of an act: it follows the axis from the layer to the act.

A convolution has its units on axis 1, a product on the last axis. What stands between the layer
and the act may move that axis: a permutation (channels last), a view, an axis added or removed.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

from relume.record.graph.autograd_graph import (
    AutogradNode,
    kind,
    output_shape,
    path_to_layer,
    saved,
    signed_axis,
)
from relume.record.graph.op_names import AFFINE, BATCH_NORM, RESHAPE

ONE_UNIT = -1  # of a tensor without a unit axis: all its entries are samples of one unit

Shape = tuple[int, ...]


def unit_axis(node: AutogradNode, shape: Sequence[int], entry: AutogradNode | None = None) -> int:
    """The unit axis of the output, of this shape, of this node's act.

    Where the feeding layer is unknown it is axis 1 for 2 or 4 dimensions, else the last. A tensor
    of one dimension is then a batch of one unit (`ONE_UNIT`).

    Args:
        node: the act's node.
        shape: of its output.
        entry: the source of an act that several nodes compute.
    """
    path, last = path_to_layer(node, entry), len(shape) - 1
    for place, layer in enumerate(path):
        axis = _axis_of_layer(layer)
        if axis is None:
            continue
        moved = _followed(layer, path[:place][::-1], axis, len(shape))
        if moved is not None:
            return moved
        if last < 1:
            return ONE_UNIT
        return 1 if axis == 1 and kind(layer) in BATCH_NORM | {"ConvolutionBackward"} else last
    if last < 1:
        return ONE_UNIT
    return 1 if last in (1, 3) else last


def _axis_of_layer(node: AutogradNode) -> int | None:
    """The unit axis of a layer's own output; None where the node does not say."""
    name, shape = kind(node), output_shape(node) or ()
    if name == "ConvolutionBackward" or name in BATCH_NORM:
        return 1
    if name in AFFINE:
        return len(shape) - 1
    if name == "NativeLayerNormBackward" and len(getattr(node, "_saved_normalized_shape", ())) < 2:
        return len(shape) - 1  # over several axes it says nothing about the units
    return None


def _followed(
    layer: AutogradNode, between: Sequence[AutogradNode], axis: int, dims: int
) -> int | None:
    """The axis after the nodes between layer and act, in forward order; None where it is lost."""
    before = output_shape(layer)
    current: int | None = axis
    for node in between:
        after = output_shape(node)
        if before is None or after is None or current is None or current >= len(before):
            return None
        current = _through(node, before, after, current)
        before = after
    return current if before is not None and len(before) == dims else None


def _through(node: AutogradNode, before: Shape, after: Shape, axis: int) -> int | None:
    """The axis behind one node."""
    name = kind(node)
    if name == "PermuteBackward":
        order = [signed_axis(dim) % len(before) for dim in saved(node, "_saved_dims")]
        return order.index(axis)
    if name in ("TransposeBackward", "TBackward"):
        one, two = (0, 1) if name == "TBackward" else (node._saved_dim0, node._saved_dim1)
        one, two = (signed_axis(dim) % len(before) for dim in (one, two))
        return {one: two, two: one}.get(axis, axis)
    if name in RESHAPE and prod(before) == prod(after):
        return _viewed(before, after, axis)
    if len(after) >= len(before):  # elementwise, pooled, sliced, broadcast
        return axis + len(after) - len(before)
    dropped = saved(node, "_saved_dim")
    if dropped is None:
        return None
    several: list[Any] = list(dropped) if hasattr(dropped, "__iter__") else [dropped]
    gone = {signed_axis(dim) % len(before) for dim in several}
    return None if axis in gone else axis - sum(dim < axis for dim in gone)


def _viewed(before: Shape, after: Shape, axis: int) -> int | None:
    """The axis of a view that has as many entries before it, and as many units."""
    if before == after:
        return axis
    if before[axis] == 1 and len(after) == 1:
        return None  # a column became a batch
    outer = prod(before[:axis])
    same = (a for a, size in enumerate(after) if size == before[axis] and prod(after[:a]) == outer)
    return next(same, None)
