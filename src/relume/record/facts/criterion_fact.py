"""Writes the run's criterion as a fact, with the loss of the best constant guess."""

from dataclasses import replace
from statistics import median
from typing import Any

from torch import Tensor

from relume.core import Fact
from relume.record.graph import criterion, criterion_targets, head_structure, loss_scale
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    output_shape,
    saved,
    signed_axis,
)
from relume.record.measure import target_stats
from relume.record.measure.chance_loss import ChanceLoss
from relume.record.sites.sites import source_of
from relume.record.store.run_file import Writer

SCALE_RECORDS = 4  # first records on which the factor between criterion and loss is read
HAND_WRITTEN_RECORDS = 32  # records on which targets are recovered from a hand-written distance
TARGET_RECORDS = 200  # records whose targets are counted for the chance value


class CriterionFact:
    """Writes the fact about the criterion, and writes it again as more targets are counted.

    Args:
        writer: the open run file.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._chance: ChanceLoss | None = None
        self._targets = target_stats.TargetStats()
        self._criterion: Fact | None = None
        self._reduction = 1.0
        self._scales: list[float | None] = []
        self._records = 0
        self._targets_in_graph = False
        self._masked = False
        self._terms = 0  # of the last batch, without ignored and masked ones

    @property
    def needs_full_graph(self) -> bool:
        """Whether targets are still read that only the whole graph gives."""
        return self._targets_in_graph and self._records <= HAND_WRITTEN_RECORDS

    def read(
        self,
        graph: AutogradGraph,
        spec: criterion.Criterion,
        head: criterion.Head,
        step: int,
        unscale: float,
    ) -> bool:
        """Read one graph's criterion; return False if it is not the run's first criterion."""
        self._records += 1
        if self._criterion is not None and self._criterion.data["loss"] != spec.name:
            return False  # a second criterion (a GAN's other loss): the fact is about the first
        if self._chance is None:
            self._chance = ChanceLoss(spec.judges or spec.name, _classes(spec))
        if self._count_targets(spec, head) and self._records <= SCALE_RECORDS:
            factor = loss_scale.loss_scale(graph, spec, self._terms)
            # both factors of one batch: the last batch of an epoch may be smaller than the others
            self._scales.append(None if factor is None else factor * unscale * self._reduction)
        if self._criterion is None:
            file, line = source_of(spec.node)
            data = {"loss": spec.name, "classes": self._chance.classes, "chance": None}
            data |= head_structure.criterion_data(spec, head)
            data["signed_weights"] = criterion.has_signed_weights(graph)
            self._criterion = Fact("criterion", "", step, {**data, "file": file, "line": line})
            self.flush()
        elif not self._criterion.data["signed_weights"] and criterion.has_signed_weights(graph):
            # the first advantages may all have one sign; `flush` writes it
            data = {**self._criterion.data, "signed_weights": True}
            self._criterion = replace(self._criterion, data=data)
        return True

    def read_cached(self, name: str, node: AutogradNode) -> None:
        """Read the criterion of a cached graph, in which only the targets are new."""
        self._records += 1
        if not self._masked:
            self._count_targets(criterion.Criterion(name, node, None))

    def _count_targets(self, spec: criterion.Criterion, head: criterion.Head | None = None) -> bool:
        if self._records > TARGET_RECORDS or self._chance is None:
            return False
        target = criterion_targets.targets(spec)
        others = (spec.weighed, spec.gathered, spec.masked)
        self._targets_in_graph = self._targets_in_graph or others != (None, None, None)
        self._masked = self._masked or spec.masked is not None
        if target is None and head is not None and self._records <= HAND_WRITTEN_RECORDS:
            target = criterion_targets.handwritten_targets(spec, head)
            self._targets_in_graph = self._targets_in_graph or target is not None
        if target is None:
            return False
        ignored = _signed(getattr(spec.node, "_saved_ignore_index", None))
        self._chance.add(target, ignored)
        self._targets.add(target)
        self._terms = _terms(spec, target, ignored)
        summed = int(getattr(spec.node, "_saved_reduction", 1)) == 2
        self._reduction = float(self._terms) if summed else 1.0
        return True

    def flush(self) -> None:
        """Write the criterion again if more targets have changed the chance value."""
        if self._criterion is None or self._chance is None:
            return
        chance = self._chance.value()
        if self._criterion.data["signed_weights"]:
            chance = None  # of the whole loss: a policy gradient beside the criterion has none
        if chance is not None:
            times = self._scale()
            chance = None if times is None else chance * times
        data = {**self._criterion.data, "chance": chance, **self._targets.data()}
        if chance is None or data != self._criterion.data:
            self._criterion = replace(self._criterion, data=data)
            self._writer.replace_fact(self._criterion)

    def _scale(self) -> float | None:
        """Return the factor between the mean per target and the loss, of a usual batch."""
        if not self._scales:
            return 1.0
        known = [value for value in self._scales if value is not None]
        return median(known) if self._scales[-1] is not None else None

    def finish_rank(self, step: int) -> None:
        """Write the sums from which the chance value of several ranks is computed."""
        if self._chance is not None and self._criterion is not None:
            data = {"scale": self._scale(), **self._chance.state()}
            self._writer.replace_fact(Fact("targets", "", step, data))


def _signed(value: Any) -> int | None:
    """Return a signed integer: torch returns negative ones as unsigned."""
    if value is None:
        return None
    return signed_axis(value)


def _classes(spec: criterion.Criterion) -> int | None:
    if (spec.judges or spec.name) not in ("cross_entropy", "nll"):
        return None
    if spec.judges and spec.gathered is not None:
        shape = output_shape(criterion.first_signal(spec.gathered))
        return shape[-1] if shape else None
    logits = saved(spec.node, "_saved_self")
    if logits is None:
        logits = saved(spec.node, "_saved_result")  # log_softmax under soft targets
    if logits is None or logits.dim() == 0:
        return None
    axis = getattr(spec.node, "_saved_dim", None)
    if axis is not None:
        return int(logits.shape[signed_axis(axis[0] if isinstance(axis, tuple) else axis)])
    if spec.judges:
        return int(logits.shape[-1])
    return int(logits.shape[1] if logits.dim() > 1 else logits.shape[0])


def _terms(spec: criterion.Criterion, target: Tensor, ignored: int | None) -> int:
    """Return how many terms a batch's criterion has, without ignored ones."""
    name = spec.judges or spec.name
    if not target.is_floating_point():
        kept = target.numel() if ignored is None else int((target != ignored).sum())
        return max(kept, 1)
    if name in ("cross_entropy", "nll") and target.dim() > 1:
        return target.shape[0]
    return target.numel()
