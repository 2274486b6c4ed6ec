"""Audits which rows, and which labels, of a batch send a gradient.

A row's gradient is read at the head, on the first audits. Labels are read at the criterion: a label
counts unless it is ignored, its class weighs nothing, or a mask leaves it out.
"""

from typing import Any, cast

import torch
from torch import Tensor

from relume.core import Fact
from relume.record.graph import criterion, criterion_targets
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    saved,
    signed_axis,
    weight_of,
)
from relume.record.graph.op_names import AFFINE, RESHAPE
from relume.record.hooks.torch_state import untraced
from relume.record.store.run_file import Writer

EARLY = 3  # first audits, at which no row is fitted yet
MOST_CLASSES = 4_096  # of labels that are counted one by one
LIKELIHOODS = ("cross_entropy", "nll", "bce", "bce_with_logits", "log_likelihood", "kl_div")
MIXES = frozenset(
    f"{name}Backward"
    for name in ("Mm", "Bmm", "Cdist", "EuclideanDist", "Index", "Topk", "Sort", "Kthvalue")
)
"""Operations by which rows of the head are compared or chosen: some then have no gradient."""


class RowReach:
    """Writes facts ``signal``: at ``rows``, ``targets`` and ``labels``.

    Args:
        writer: the open run file.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._audits = 0
        self._rows: list[Tensor] = []  # per audit: rows, rows without gradient
        self._zeroed = [0, 0]
        self._counted = [0, 0, 0, 0]  # targets, targets that count, batches, batches without any
        self._labels: dict[int, list[int]] = {}  # by label: rows, rows that count
        self._ways: set[str] = set()
        self._label_batches = 0

    def read(self, graph: AutogradGraph) -> None:
        """Read one graph before its backward."""
        self._audits += 1
        spec = criterion.criterion(graph)
        head = criterion.head(spec, graph)
        target = criterion_targets.targets(spec)
        if target is None:
            target = criterion_targets.handwritten_targets(spec, head)
        every_row = target is None or self._count_targets(spec, target)
        self._count_labels(graph, spec)
        flattens = spec.name in LIKELIHOODS  # where it is sure, and right: saturation, no blindness
        if self._audits <= EARLY and spec.masked is None and every_row and not flattens:
            self._watch_rows(graph, head)

    def _watch_rows(self, graph: AutogradGraph, head: criterion.Head) -> None:
        """Count the rows whose gradient at the head is zero, unless rows are chosen by design."""
        layers = [node for node in graph.nodes if kind(node) in AFFINE]
        node = head.affine or (layers[-1] if layers else None)
        after = {
            n for n in graph.nodes if node is not None and n._sequence_nr() > node._sequence_nr()
        }
        weight = None if node is None else weight_of(node)
        if node is None or weight is None or any(kind(n) in MIXES for n in after):
            return
        twins = [n for n in graph.nodes if kind(n) in AFFINE and _same(weight_of(n), weight)]
        if len(twins) > 1:
            return  # rows of two calls are compared: a pair that is far enough apart rests
        if _is_masked(graph, node):
            return
        zeros = _zero_factors(graph, node)
        if zeros is not None:
            self._zeroed[0] += zeros.numel()
            self._zeroed[1] += int(zeros.sum())
        elif any(kind(user) == "ReluBackward" for user in _users(graph, node)):
            return  # a head that is shut: the matter of one-sided-head

        def count(grads: tuple[Tensor | None, ...]) -> None:
            grad = grads[0]
            if grad is None or not grad.dim() or grad.shape[0] < 2:
                return
            with untraced():
                silent = (grad.detach().reshape(grad.shape[0], -1) == 0).all(1)
                self._rows.append(torch.stack([silent.sum() * 0 + silent.numel(), silent.sum()]))

        node.register_prehook(count)

    def _count_targets(self, spec: criterion.Criterion, target: Tensor) -> bool:
        """Count the targets of one graph; return whether all of them count."""
        every = True
        ignored = getattr(spec.node, "_saved_ignore_index", None)
        if ignored is not None and not target.is_floating_point():
            kept = target[target != signed_axis(ignored)]
            none, every = kept.numel() == 0, kept.numel() == target.numel()
            for at, more in enumerate((target.numel(), kept.numel(), 1, int(none))):
                self._counted[at] += more
        return every

    def _count_labels(self, graph: AutogradGraph, spec: criterion.Criterion) -> None:
        """Count, by label, the rows whose label counts: of whole examples, one label to a row.

        Padding, a class of the void, and steps of a sequence are left out by design.
        """
        labels = criterion_targets.labels(spec)
        if labels is None or not labels.numel() or not _one_to_a_row(graph, spec, labels):
            return
        counts, ways = _counting(graph, spec, labels)
        known = (labels >= 0) & (labels < _classes(spec))
        if counts is None or not bool(known.any()):
            return
        every = torch.bincount(labels[known])
        heard = torch.bincount(labels[known & counts], minlength=len(every))
        for label, (count, left) in enumerate(zip(every.tolist(), heard.tolist(), strict=True)):
            if count:
                entry = self._labels.setdefault(label, [0, 0])
                entry[0], entry[1] = entry[0] + count, entry[1] + left
        self._ways |= ways
        self._label_batches += 1

    # ------------------------------------------------------------------ the file

    def write(self) -> None:
        """Write the facts as far as they are known."""
        if self._rows:
            rows: list[list[int]] = cast(
                Any, torch.stack([pair.cpu() for pair in self._rows])
            ).tolist()
            shares = [silent / count for count, silent in rows]
            data: dict[str, Any] = {
                "batches": len(rows),
                "rows": int(sum(r[0] for r in rows)),
                "share": min(shares),
            }
            data["zeroed"] = self._zeroed[1] / self._zeroed[0] if self._zeroed[0] else None
            self._writer.replace_fact(Fact("signal", "rows", 0, data))
        if self._counted[2]:
            names = ("targets", "counted", "batches", "empty")
            data = dict(zip(names, self._counted, strict=True))
            self._writer.replace_fact(Fact("signal", "targets", 0, data))
        if self._label_batches:
            silent = sorted(label for label, (_, heard) in self._labels.items() if not heard)
            data = {
                "batches": self._label_batches,
                "rows": sum(count for count, _ in self._labels.values()),
                "silent": silent,
                "silent_rows": sum(self._labels[label][0] for label in silent),
                "labels": len(self._labels),
                "by": sorted(self._ways),
            }
            self._writer.replace_fact(Fact("signal", "labels", 0, data))


def _one_to_a_row(graph: AutogradGraph, spec: criterion.Criterion, labels: Tensor) -> bool:
    """Whether each row of the model's input has one label, and one criterion takes them."""
    if sum(kind(node) == kind(spec.node) for node in graph.nodes) != 1:
        return False
    given = [data for _, data in data_inputs(graph)]
    for node in graph.nodes:
        if kind(node) == "EmbeddingBackward":
            ids = saved(node, "_saved_indices")
            if isinstance(ids, Tensor) and (ids.dim() < 2 or ids.shape[1] < 2):
                return False  # words one by one: their labels may be padding
            given += [ids] if isinstance(ids, Tensor) else []
    return bool(given) and all(data.shape[0] == labels.numel() for data in given)


def _classes(spec: criterion.Criterion) -> int:
    """How many classes the head has; 0 where that is not known."""
    if spec.name.startswith("bce"):
        return 2
    rows = next(
        (
            t
            for name in ("_saved_self", "_saved_result")
            if isinstance(t := saved(spec.node, name), Tensor) and t.dim() > 1
        ),
        None,
    )
    return 0 if rows is None else min(int(rows.shape[-1]), MOST_CLASSES)


def _counting(
    graph: AutogradGraph, spec: criterion.Criterion, labels: Tensor
) -> tuple[Tensor | None, set[str]]:
    """Which labels count, and by what some do not; None where that cannot be read."""
    counts, ways = torch.ones_like(labels, dtype=torch.bool), set[str]()
    ignored = getattr(spec.node, "_saved_ignore_index", None)
    if ignored is not None:
        ways |= _leave_out(counts, labels == signed_axis(ignored), "ignore_index")
    weight = saved(spec.node, "_saved_weight")
    if isinstance(weight, Tensor):
        by_class = ignored is not None and bool((labels >= 0).all() & (labels < len(weight)).all())
        rows = weight[labels] if by_class else weight.detach().reshape(-1)
        if rows.numel() != labels.numel():
            return None, ways
        ways |= _leave_out(counts, rows == 0, "class weight" if by_class else "weight")
    positive = saved(spec.node, "_saved_pos_weight")
    if isinstance(positive, Tensor) and positive.numel() == 1:
        ways |= _leave_out(counts, (labels == 1) & (positive.reshape(()) == 0), "pos_weight")
    factors = criterion.factors_of_terms(graph, spec)
    if factors is not None and factors.numel() == labels.numel():
        ways |= _leave_out(counts, factors.detach().reshape(-1) == 0, "mask or weight of the terms")
    return counts, ways


def _leave_out(counts: Tensor, silent: Tensor, by: str) -> set[str]:
    counts &= ~silent
    return {by} if bool(silent.any()) else set()


def _users(graph: AutogradGraph, node: AutogradNode) -> list[AutogradNode]:
    """The nodes that take a node's output, past those that only reshape it."""
    users: list[AutogradNode] = []
    todo = list(graph.consumers(node))
    while todo:
        user = todo.pop()
        if kind(user) in RESHAPE:
            todo += graph.consumers(user)
        else:
            users.append(user)
    return users


def _is_masked(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether a head's output is multiplied by a mask of zeros and ones: padding of sequences."""
    for user in _users(graph, node):
        factor = criterion.constant_of(user)
        if factor is None or factor.numel() == factor.shape[0]:
            continue
        entries = factor.detach().reshape(-1)[:4096]
        if bool(((entries == 0) | (entries == 1)).all() & (entries == 0).any()):
            return True
    return False


def _zero_factors(graph: AutogradGraph, node: AutogradNode) -> Tensor | None:
    """Which rows of a head's output are multiplied by zero: a label of 0 in a loss for -1 and 1."""
    for user in _users(graph, node):
        factor = criterion.constant_of(user)
        if factor is not None and factor.dim() and factor.numel() == factor.shape[0] > 1:
            return factor.detach().reshape(-1) == 0
    return None


def _same(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.data_ptr() == other.data_ptr()
