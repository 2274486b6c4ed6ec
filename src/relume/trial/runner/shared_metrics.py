"""A yardstick that arms with different criteria share: what reaches the criterion, against its
targets, read off the graph of the loss.

Losses of a softmax that is dropped, of another criterion or of a scaled one are numbers of
different kinds. What is predicted is not: a network has its own probabilities, which a softmax
before the criterion or the criterion's own gives, and -log p(target) of them; rows of scores have a
largest entry; scores of yes and no have an order; a regression has a distance.
"""

import math

import torch
from torch import Tensor

from relume.record.graph import criterion, criterion_targets, loss_scale
from relume.record.graph.autograd_graph import AutogradGraph, name_of, saved

TINY = 1e-6
"""Least probability: one certain mistake must not outweigh everything else."""
MOST = 4096
"""Rows looked at in one batch; more add nothing to a mean over many batches."""


def describe_criterion(loss: Tensor) -> str:
    """The criterion in words, with the acts between it and the head and its constant factor:
    arms whose words differ have losses that cannot be compared."""
    root = loss.grad_fn
    if root is None:
        return ""
    graph = AutogradGraph(root, [], [], [], [])
    found = criterion.criterion(graph)
    ends = criterion.head(found)
    acts = [name_of(node).removesuffix("0").removesuffix("Backward") for node in ends.acts]
    factor = loss_scale.loss_scale(graph, found)
    words = found.name
    if found.name in ("bce", "bce_with_logits", "nll", "cross_entropy", "log_likelihood"):
        squash = [act.lower() for act in acts if act in ("Softmax", "Sigmoid", "LogSoftmax")]
        words += "".join(f" of {act}" for act in squash)
    return words if factor in (None, 1.0) else f"{words} times {factor:.3g}"


def measure_shared(loss: Tensor) -> dict[str, Tensor]:
    """The yardsticks of one batch by name, on the loss's device; empty where the criterion or its
    targets are not known.

    ``log-loss``: mean of -log p(target) of the network's own probabilities, whatever criterion they
    or their scores were given to; ``accuracy``: share of rows whose largest entry stands at the
    target; ``auc``: share of pairs of yes and no in the right order; ``error``: mean squared
    distance.
    """
    root = loss.grad_fn
    if root is None:
        return {}
    graph = AutogradGraph(root, [], [], [], [])
    found = criterion.criterion(graph)
    target = criterion_targets.targets(found)
    values = saved(found.node, "_saved_self")
    if not isinstance(values, Tensor) or target is None:
        return {}
    values = values.detach()
    if found.name in ("cross_entropy", "nll"):
        return _classes(values, target, saved(found.node, "_saved_ignore_index"))
    if found.name in ("bce", "bce_with_logits"):
        given = found.name == "bce" or _squashed(found, "Sigmoid")
        return _yes_or_no(values.reshape(-1)[:MOST].float(), target.reshape(-1)[:MOST], given)
    if found.name in ("mse", "l1", "smooth_l1", "huber") and values.shape == target.shape:
        return {"error": (values.float() - target.float()).square().mean()}
    return {}


def _squashed(found: criterion.Criterion, act: str) -> bool:
    """Whether this act is the last thing before the criterion."""
    acts = criterion.head(found).acts
    return bool(acts) and name_of(acts[-1]).startswith(f"{act}Backward")


def _classes(values: Tensor, target: Tensor, ignore: object) -> dict[str, Tensor]:
    """Rows of log-probabilities, as a softmax before the criterion or the criterion's own left
    them; of raw scores, where it has none."""
    if values.dim() not in (2, 4) or target.is_floating_point():
        return {}
    rows, wanted = values[:MOST].float(), target[:MOST]
    kept = wanted != (ignore if isinstance(ignore, int) else -100)
    count = kept.sum().clamp(min=1)
    hits = ((rows.argmax(1) == wanted) & kept).sum() / count
    # cross-entropy of probabilities p keeps p - c in each row; they are p again if they sum to 1
    shifted = rows + (1 - rows.sum(1, keepdim=True)) / rows.shape[1]
    total = rows.exp().sum(1)
    if bool((shifted >= -1e-4).all()) and bool(((total - 1).abs() < 1e-3).all()):
        logs = shifted.clamp(min=TINY).log()
    elif bool(((total - 1).abs() < 1e-3).all()):
        logs = rows.clamp(min=math.log(TINY))
    else:
        logs = rows.log_softmax(1).clamp(min=math.log(TINY))
    own = -logs.gather(1, wanted.clamp(min=0).unsqueeze(1)).squeeze(1)
    return {"log-loss": (own * kept).sum() / count, "accuracy": hits}


def _yes_or_no(scores: Tensor, target: Tensor, given: bool) -> dict[str, Tensor]:
    """Probabilities where they are `given`, else their logits; and the area under the ROC curve:
    Mann and Whitney's U over the number of pairs, ties counting half."""
    p = scores if given else scores.sigmoid()
    p = p.clamp(TINY, 1 - TINY)
    found = {"log-loss": -(target * p.log() + (1 - target) * (1 - p).log()).mean()}
    yes, no = scores[target > 0.5], scores[target <= 0.5]
    if len(yes) and len(no):
        difference = yes[:512, None] - no[None, :512]
        found["auc"] = (torch.sign(difference).mean() + 1) / 2
    return found
