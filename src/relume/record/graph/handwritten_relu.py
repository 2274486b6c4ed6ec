"""Hand-written ReLUs: ``torch.where(x > 0, x, 0)`` and ``x * (x > 0)``.

The graph shows a choice or a product with a mask, and the mask alone does not say where it comes
from. So the input is computed again from the layer before, on a few rows: where the mask is
exactly "input above zero", it is a ReLU, and nowhere else.
"""

from typing import Any

import torch
from torch import Tensor

from relume.record.graph.autograd_graph import AutogradNode, carries_signal, inputs, kind, saved
from relume.record.graph.recompute import first_rows

FORMS = {"WhereBackward": "where", "MulBackward": "mask"}
LEAST_ENTRIES = 16  # of either kind that the mask must have before it is believed


def mask_of(node: AutogradNode) -> Tensor | None:
    """The full mask that a node applies to its one signal; None where it is no such node."""
    name = kind(node)
    if name not in FORMS or len(carries_signal(node)) != 1:
        return None
    if name == "WhereBackward":
        mask = saved(node, "_saved_condition")
        # the signal must be what is chosen where the condition holds
        mask = mask if inputs(node)[0] is not None else None
    else:
        mask = saved(node, "_saved_other")
        mask = saved(node, "_saved_self") if mask is None else mask
    return mask if _is_mask(mask) else None


def _is_mask(mask: Any) -> bool:
    if not isinstance(mask, Tensor) or mask.dim() < 2 or min(mask.shape) < 1:
        return False
    if mask.dtype == torch.bool:
        return True
    if not mask.is_floating_point():
        return False
    few = mask.detach().reshape(-1)[:256]
    return bool(((few == 0) | (few == 1)).all())


def relu_input(node: AutogradNode, phase: int, *, sure: bool = False) -> Tensor | None:
    """Sampled rows (rows, units) of the input of a hand-written ReLU; None if it is none.

    Args:
        node: a choice or a product.
        phase: the record's number, from which the rows follow.
        sure: it was found to be a ReLU before, so the mask need not be looked at again.
    """
    mask = None if sure else mask_of(node)
    if mask is None and not sure:
        return None
    found = first_rows(node, phase)
    if found is None or mask is None:
        return None if found is None else found[0]
    rows, axis, begin = found
    if axis == 1:  # (batch, units, positions): as many examples as were computed again
        each = max(mask[0, 0].numel(), 1)
        mask = mask[: rows.shape[0] // each]
    flat = mask.detach().movedim(axis, -1).reshape(-1, mask.shape[axis])
    mine = flat[begin : begin + rows.shape[0]].to(torch.bool)
    if mine.shape != rows.shape or not _believable(mine):
        return None
    # rounding may differ between the replay and the layer where the input is all but zero
    doubtful = rows.abs() <= 1e-5 * rows.abs().amax()
    return rows if bool(((rows > 0) == mine)[~doubtful].all()) else None


def _believable(mask: Tensor) -> bool:
    ones = int(mask.sum())
    return ones >= LEAST_ENTRIES and mask.numel() - ones >= LEAST_ENTRIES
