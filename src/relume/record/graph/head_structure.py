"""What else a graph, its criterion and its weights tell: facts for the rules of output, structure
and initialisation. Read at the first records, where a site is new, so a plain step pays nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from relume.acts.act import by_node
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    carries_signal,
    kind,
    name_of,
    saved,
)
from relume.record.graph.criterion import BY_HAND, Criterion, Head, renormalises
from relume.record.graph.op_names import RESHAPE

LOOKS_FOR = ("act-pair", "softmax", "turn")  # kinds of facts of which none means none
POOLS = frozenset(
    f"{name}Backward"
    for name in (
        *("MaxPool2DWithIndices", "MaxPool3DWithIndices", "AdaptiveMaxPool2D", "AvgPool2D"),
        *("AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D"),
        "NativeDropout",
    )
)


def direct(found: Criterion, ends: Head) -> bool | None:
    """Whether only reshapes stand between the last act (or the head) and the criterion."""
    goal = ends.acts[-1] if ends.acts else ends.affine
    node = found.entry
    if kind(found.node) in BY_HAND and kind(node) in ("SubBackward", "RsubBackward"):
        node = next(
            iter(carries_signal(node)), None
        )  # the difference to the target is the criterion's
    while node is not None and goal is not None:
        if node is goal:
            return True
        if kind(node) not in RESHAPE:
            return False
        node = next(iter(carries_signal(node)), None)
    return None


def limits(node: AutogradNode) -> dict[str, float | None]:
    """``low`` and ``high`` of a cut by numbers; nothing for any other node."""
    names = {"ClampBackward": ("_saved_min", "_saved_max"), "ClampMinBackward": ("_saved_min", "")}
    names["HardtanhBackward"] = ("_saved_min_val", "_saved_max_val")
    if kind(node) not in names:
        return {}
    low, high = (getattr(node, name, None) if name else None for name in names[kind(node)])
    told = {"low": low, "high": high}
    return {side: value if isinstance(value, int | float) else None for side, value in told.items()}


GUARDS = frozenset({"ClampBackward", "ClampMinBackward", "HardtanhBackward"})
# with a constant: what is added against log(0), or one minus a probability
CONSTANTS = frozenset({"AddBackward", "SubBackward", "RsubBackward", "MulBackward", "NegBackward"})


def guarded(found: Criterion, ends: Head) -> list[str] | None:
    """What stands between a logarithm and the act before it (or the head): ``clamp`` and
    ``renormalised``, the outermost first; None where something else does, or for other losses."""
    node, seen = found.entry, list[str]()
    if found.name not in ("log_likelihood", "bce", "nll"):
        return None
    inner = [act for act in ends.acts if kind(act) not in GUARDS]
    goal = inner[-1] if inner else ends.affine
    while node is not None and goal is not None:
        if node is goal:
            return seen
        name, sources = kind(node), carries_signal(node)
        if renormalises(node):
            seen.append("renormalised")
        elif name in GUARDS:
            seen.append("clamp")
        elif len(sources) != 1 or name not in RESHAPE | CONSTANTS | {"LogBackward"}:
            return None
        node = next(iter(sources), None)
    return None


def of_criterion(found: Criterion, ends: Head) -> dict[str, Any]:
    """Whether prediction and target were spread over each other, and whether the rows under a
    negative log likelihood are log-probabilities."""
    data: dict[str, Any] = {"broadcast": _spread(found, ends)}
    rows = saved(found.node, "_saved_self")
    if found.name == "nll" and isinstance(rows, Tensor) and rows.dim() >= 2:
        with torch.no_grad():
            sums = rows.detach()[:256].double().logsumexp(1)
            data["rows_logsumexp_error"] = float(sums.abs().max())
    return data


def _spread(found: Criterion, ends: Head) -> bool | None:
    """(N, 1) against (N) gives (N, N): each prediction meets each target."""
    if found.name not in ("mse", "l1", "smooth_l1", "huber", "bce", "bce_with_logits"):
        return None
    judged = saved(found.node, "_saved_self")
    shape = _shape(ends.affine)
    if not isinstance(judged, Tensor) or shape is None:
        return None
    rows, units = shape[0], shape[-1]
    return len(shape) == 2 and units == 1 and rows > 1 and tuple(judged.shape) == (rows, rows)


def _shape(node: AutogradNode | None) -> tuple[int, ...] | None:
    """The shape of what a node gave, from the metadata of its one output."""
    metadata = getattr(node, "_input_metadata", None)
    return tuple(int(size) for size in metadata[0].shape) if metadata else None


def softmaxes(
    graph: AutogradGraph, ends: Head, names: Mapping[AutogradNode, str], rows: int | None
) -> Iterator[Any]:
    """(node, data) of every softmax whose axis can be read.

    Args:
        graph: as walked from the loss.
        ends: the acts between head and criterion.
        names: roles by node, where the site is known.
        rows: how many targets there are; a layer on tokens sees more rows than the batch has.
    """
    batch = rows
    if batch is None:
        batch = next((int(data.shape[0]) for _, data in data_inputs(graph)), None)
    for node in graph.nodes:
        if kind(node) not in ("SoftmaxBackward", "LogSoftmaxBackward") or node in graph.sealed:
            continue
        shape = list(node._saved_result.shape)
        axis = int(node._saved_dim)
        axis = axis - 2**64 if axis >= 2**63 else axis  # torch saves -1 unsigned
        act = "softmax" if kind(node) == "SoftmaxBackward" else "log_softmax"
        output = any(node is act for act in ends.acts)
        over = shape[0] if output and len(shape) > 2 and rows == _examples(shape) else batch
        role = "output" if output else names.get(node, "hidden")
        yield (
            node,
            {"act": act, "axis": axis % len(shape), "shape": shape, "batch": over, "role": role},
        )


def _examples(shape: Sequence[int]) -> int:
    """How many targets a tensor with its classes on the last axis has, where that axis cannot be
    taken for the first one."""
    total = 1
    for size in shape[:-1]:
        total *= size
    return total if shape[0] != shape[-1] else -1


def act_pairs(graph: AutogradGraph) -> Iterator[tuple[AutogradNode, str, str]]:
    """(second node, first act, second act) where an act is fed by another."""
    acts = by_node()
    for node in graph.nodes:
        if name_of(node) not in acts or node in graph.sealed:
            continue
        sources = carries_signal(node)
        before = sources[0] if len(sources) == 1 else None
        while before is not None and (kind(before) in RESHAPE or kind(before) in POOLS):
            before = next(iter(carries_signal(before)), None)
        if before is not None and name_of(before) in acts and before not in graph.sealed:
            yield node, acts[name_of(before)][0].name, acts[name_of(node)][0].name


def decays(optimizer: Optimizer) -> dict[int, float]:
    """Weight decay by the parameter's id."""
    found: dict[int, float] = {}
    for group in optimizer.param_groups:
        decay = group.get("weight_decay", 0.0)
        if isinstance(decay, int | float):
            found |= {id(parameter): float(decay) for parameter in group["params"]}
    return found
