"""Follows rows that return in a later step, and whether they return with the same target.

A row is known by the bytes of what enters the network, a target by its own. Where inputs and
targets were permuted apart, a row comes back with the target of another row. Data with equal rows
(few features, empty pictures) are not judged: one row has several targets there.
"""

from collections import Counter

import torch
from torch import Tensor

from relume.core import Fact
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph import criterion, criterion_targets
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import AutogradGraph, weight_of
from relume.record.sites.sites import Sites
from relume.record.store.run_file import Writer

ROWS = 64  # of a batch
COLUMNS = 256  # of a row
MOST = 8_192  # rows that are remembered


class RowTargets(FactAudit):
    """Counts the rows that return, and those of them whose target is another one."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._targets: dict[int, int] = {}  # of each row, as last seen
        self._values: Counter[int] = Counter()
        self._data = {"rows": 0, "equal": 0, "returned": 0, "changed": 0, "strange": 0}
        self._first = -1
        self._written = 0

    def read(self, graph: AutogradGraph, step: int, *, deep: bool) -> None:
        """Count the rows of one graph; of data on another device on deep records only.

        Args:
            graph: as walked from the loss.
            step: the current step.
            deep: the record reads everything.
        """
        spec = criterion.criterion(graph)
        targets = criterion_targets.targets(spec)
        entering = [data for _, data in data_inputs(graph)]
        if not isinstance(targets, Tensor) or not entering or targets.dim() == 0:
            return
        count = len(targets)
        if count < 2 or any(data.dim() < 2 or len(data) != count for data in entering):
            return
        if not deep and any(data.device.type != "cpu" for data in (targets, *entering)):
            return
        affine = criterion.head(spec, graph).affine
        weight = None if affine is None else weight_of(affine)
        task = (
            spec.name,
            0 if weight is None else weight.data_ptr(),
        )  # another head, other targets
        rows = zip(*(_numbers(data) for data in entering), strict=True)
        # two critics share their targets: what one has had is new to the other
        values = [hash((task, target)) for target in _numbers(targets)]
        self._add([hash((task, *row)) for row in rows], values, step)

    def _add(self, rows: list[int], targets: list[int], step: int) -> None:
        data, seen = self._data, set[int]()
        self._first = step if self._first < 0 else self._first
        for row, target in zip(rows, targets, strict=True):
            data["rows"] += 1
            if row in seen:
                data["equal"] += 1
                continue
            seen.add(row)
            known = self._targets.get(row)
            if known is not None:
                data["returned"] += 1
                data["changed"] += known != target
                # a target that no row has had before: it moves, and was not exchanged
                data["strange"] += known != target and target not in self._values
            if known is not None or len(self._targets) < MOST:
                self._targets[row] = target
        self._values.update(targets)
        if data["returned"] >= 2 * self._written:
            self._write(step)

    def _write(self, step: int) -> None:
        total = sum(self._values.values())
        common = sum((n / total) ** 2 for n in self._values.values())
        self._written = max(self._data["returned"], 1)
        data = {**self._data, "other": 1 - common, "last": step}
        self._writer.replace_fact(Fact("row-targets", "", self._first, data))

    def finish(self, step: int) -> None:
        """Write what is known at the end of the run."""
        if self._first >= 0:
            self._write(step)


def _numbers(data: Tensor) -> list[int]:
    """A number for each row, of its bytes."""
    flat = data.detach().reshape(len(data), -1)
    flat = flat[:ROWS, :: max(1, -(-flat.shape[1] // COLUMNS))]
    if flat.is_floating_point():
        flat = flat + 0.0  # minus zero is zero
    if flat.dtype is torch.bfloat16:
        flat = flat.float()
    copy = flat.cpu().clone(memory_format=torch.contiguous_format)  # NumPy marks what it views
    return [hash(row.tobytes()) for row in copy.numpy()]
