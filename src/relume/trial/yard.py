"""A yardstick that arms with different criteria share: what reaches the criterion, against its
targets, read off the graph of the loss.

Losses of a softmax that is dropped, of another criterion or of a scaled one are numbers of
different kinds. What is predicted is not: rows of class scores have a largest entry, whatever
monotone act stands before the criterion; scores of yes and no have an order; a regression has a
distance.
"""

import torch
from torch import Tensor

from relume.record import criterion
from relume.record.graph import Graph, saved

MOST = 4096
"""Rows looked at in one batch; more add nothing to a mean over many batches."""


def described(loss: Tensor) -> str:
    """The criterion in words, with the acts between it and the head and its constant factor:
    arms whose words differ have losses that cannot be compared."""
    root = loss.grad_fn
    if root is None:
        return ""
    graph = Graph(root, [], [])
    found = criterion.criterion(graph)
    ends = criterion.head(found)
    acts = [str(node.name()).removesuffix("0").removesuffix("Backward") for node in ends.acts]
    scale = criterion.loss_scale(graph, found)
    words = found.name
    if found.name in ("bce", "bce_with_logits", "nll", "cross_entropy", "log_likelihood"):
        squash = [act.lower() for act in acts if act in ("Softmax", "Sigmoid", "LogSoftmax")]
        words += "".join(f" of {act}" for act in squash)
    return words if scale in (None, 1.0) else f"{words} times {scale:.3g}"


def measured(loss: Tensor) -> tuple[str, Tensor] | None:
    """The yardstick of one batch: its name and its value, on the loss's device.

    ``accuracy``: share of rows whose largest entry stands at the target; ``auc``: share of pairs
    of yes and no in the right order; ``error``: mean squared distance. None where the criterion
    or its targets are not known.
    """
    root = loss.grad_fn
    if root is None:
        return None
    found = criterion.criterion(Graph(root, [], []))
    target = criterion.targets(found)
    values = saved(found.node, "_saved_self")
    if not isinstance(values, Tensor) or target is None:
        return None
    values = values.detach()
    if found.name in ("cross_entropy", "nll"):
        return _accuracy(values, target, saved(found.node, "_saved_ignore_index"))
    if found.name in ("bce", "bce_with_logits"):
        return _order(values.reshape(-1)[:MOST].float(), target.reshape(-1)[:MOST])
    if found.name in ("mse", "l1", "smooth_l1", "huber") and values.shape == target.shape:
        return "error", (values.float() - target.float()).square().mean()
    return None


def _accuracy(values: Tensor, target: Tensor, ignore: object) -> tuple[str, Tensor] | None:
    if values.dim() not in (2, 4) or target.is_floating_point():
        return None
    hits = values[:MOST].argmax(1) == target[:MOST]
    kept = target[:MOST] != (ignore if isinstance(ignore, int) else -100)
    return "accuracy", (hits & kept).sum() / kept.sum().clamp(min=1)


def _order(scores: Tensor, target: Tensor) -> tuple[str, Tensor] | None:
    """Area under the ROC curve: Mann and Whitney's U over the number of pairs; ties count half."""
    yes, no = scores[target > 0.5], scores[target <= 0.5]
    if not len(yes) or not len(no):
        return None
    difference = yes[:512, None] - no[None, :512]
    return "auc", (torch.sign(difference).mean() + 1) / 2
