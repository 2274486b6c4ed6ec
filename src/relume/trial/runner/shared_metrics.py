"""Measures yardsticks that arms with different criteria share: predictions against targets, read
from the graph of the loss.

The losses of a dropped softmax, of another criterion or of a scaled one are numbers of different
kinds. The predictions are comparable: a network has its own probabilities, from a softmax before
the criterion or in it, and -log p(target) of them; rows of scores have a largest entry; scores of
yes and no have an order; a regression has a distance.
"""

import math

import torch
from torch import Tensor

from relume.record.graph import criterion, criterion_targets, loss_scale
from relume.record.graph.autograd_graph import name_of, saved, walk

TINY = 1e-6
"""The least probability: one certain mistake must not outweigh everything else."""
MOST = 4096
"""Rows measured in one batch; more add nothing to a mean over many batches."""


def describe_criterion(loss: Tensor) -> str:
    """Describe the criterion, the acts between it and the head, and its constant factor: losses of
    arms with different descriptions cannot be compared."""
    root = loss.grad_fn
    if root is None:
        return ""
    graph = walk(root)
    judged = criterion.criterion(graph)
    ends = criterion.head(judged)
    acts = [name_of(node).removesuffix("0").removesuffix("Backward") for node in ends.acts]
    factor = loss_scale.loss_scale(graph, judged)
    words = judged.name
    if judged.name in ("bce", "bce_with_logits", "nll", "cross_entropy", "log_likelihood"):
        squash = [act.lower() for act in acts if act in ("Softmax", "Sigmoid", "LogSoftmax")]
        words += "".join(f" of {act}" for act in squash)
    return words if factor in (None, 1.0) else f"{words} times {factor:.3g}"


def measure_shared(loss: Tensor) -> dict[str, Tensor]:
    """Return the yardsticks of one batch by name, on the loss's device; empty where the criterion
    or its targets are not known.

    ``log-loss``: mean of -log p(target) of the network's own probabilities, whatever criterion gets
    them or their scores; ``accuracy``: share of rows whose largest entry stands at the
    target; ``auc``: share of pairs of yes and no in the right order; ``error``: mean squared
    distance.
    """
    root = loss.grad_fn
    if root is None:
        return {}
    graph = walk(root)
    judged = criterion.criterion(graph)
    target = criterion_targets.targets(judged)
    values = saved(judged.node, "_saved_self")
    if not isinstance(values, Tensor) or target is None:
        return {}
    values = values.detach()
    if judged.name in ("cross_entropy", "nll"):
        return _classes(values, target, saved(judged.node, "_saved_ignore_index"))
    if judged.name in ("bce", "bce_with_logits"):
        probable = judged.name == "bce" or _ends_with(judged, "Sigmoid")
        return _yes_or_no(values.reshape(-1)[:MOST].float(), target.reshape(-1)[:MOST], probable)
    if judged.name in ("mse", "l1", "smooth_l1", "huber") and values.shape == target.shape:
        return {"error": (values.float() - target.float()).square().mean()}
    return {}


def _ends_with(judged: criterion.Criterion, act: str) -> bool:
    """Whether this act is the last thing before the criterion."""
    acts = criterion.head(judged).acts
    return bool(acts) and name_of(acts[-1]).startswith(f"{act}Backward")


def _classes(values: Tensor, target: Tensor, ignore: object) -> dict[str, Tensor]:
    """Measure rows of log-probabilities, from a softmax before the criterion or in it; or rows of
    raw scores, where there is none."""
    if values.dim() not in (2, 4) or target.is_floating_point():
        return {}
    rows, wanted = values[:MOST].float(), target[:MOST]
    counted = wanted != (ignore if isinstance(ignore, int) else -100)
    count = counted.sum().clamp(min=1)
    hits = ((rows.argmax(1) == wanted) & counted).sum() / count
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
    return {"log-loss": (own * counted).sum() / count, "accuracy": hits}


def _yes_or_no(scores: Tensor, target: Tensor, probable: bool) -> dict[str, Tensor]:
    """Measure the scores of yes and no: probabilities, or else logits; `auc` is the area under the
    ROC curve,
    Mann and Whitney's U over the number of pairs, ties counting half."""
    p = scores if probable else scores.sigmoid()
    p = p.clamp(TINY, 1 - TINY)
    measured = {"log-loss": -(target * p.log() + (1 - target) * (1 - p).log()).mean()}
    yes, no = scores[target > 0.5], scores[target <= 0.5]
    if len(yes) and len(no):
        difference = yes[:512, None] - no[None, :512]
        measured["auc"] = (torch.sign(difference).mean() + 1) / 2
    return measured
