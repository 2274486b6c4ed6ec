"""Recognises hand-written ReLUs: ``torch.where(x > 0, x, 0)`` and ``x * (x > 0)``.

The graph shows a choice or a product with a mask, and the mask alone does not tell how it was
made. So the input is recomputed from the layer before, on a few rows. Where the mask is exactly
"input above zero" the node is a ReLU, and nowhere else.
"""

from typing import Any

import torch
from torch import Tensor

from relume.record.graph.autograd_graph import AutogradNode, inputs, kind, saved, signal_inputs
from relume.record.graph.recompute import first_rows

FORMS = {"WhereBackward": "where", "MulBackward": "mask"}
LEAST_ENTRIES = 16  # zeros, and ones, that a mask must have before it counts as evidence


def mask_of(node: AutogradNode) -> Tensor | None:
    """The full mask that a node applies to its one signal; None for any other node."""
    name = kind(node)
    if name not in FORMS or len(signal_inputs(node)) != 1:
        return None
    if name == "WhereBackward":
        mask = saved(node, "_saved_condition")
        # the signal must be the branch that is taken where the condition holds
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
    entries = mask.detach().reshape(-1)[:256]
    return bool(((entries == 0) | (entries == 1)).all())


def relu_input(node: AutogradNode, phase: int, *, sure: bool = False) -> Tensor | None:
    """Sampled rows (rows, units) of the input of a hand-written ReLU; None for any other node.

    Args:
        node: a choice or a product.
        phase: number of the record, which selects the rows.
        sure: an earlier record recognised it, so the mask is not read again.
    """
    mask = None if sure else mask_of(node)
    if mask is None and not sure:
        return None
    recomputed = first_rows(node, phase)
    if recomputed is None or mask is None:
        return None if recomputed is None else recomputed[0]
    rows, axis, begin = recomputed
    if axis == 1:  # (batch, units, positions): only the recomputed examples
        each = max(mask[0, 0].numel(), 1)
        mask = mask[: rows.shape[0] // each]
    flat = mask.detach().movedim(axis, -1).reshape(-1, mask.shape[axis])
    entries = flat[begin : begin + rows.shape[0]].to(torch.bool)
    if entries.shape != rows.shape or not _has_both_kinds(entries):
        return None
    # recomputing may round otherwise than the layer did where the input is nearly zero
    uncertain = rows.abs() <= 1e-5 * rows.abs().amax()
    return rows if bool(((rows > 0) == entries)[~uncertain].all()) else None


def _has_both_kinds(mask: Tensor) -> bool:
    ones = int(mask.sum())
    return ones >= LEAST_ENTRIES and mask.numel() - ones >= LEAST_ENTRIES
