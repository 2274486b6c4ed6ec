"""Writes the run's criterion as a fact, with the loss of the best constant guess."""

from dataclasses import replace
from statistics import median
from typing import Any

from torch import Tensor

from relume.core import Fact
from relume.record.graph import criterion, criterion_targets, head_structure, loss_scale
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, saved, signed_axis
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
            self._chance = ChanceLoss(spec.name, _classes(spec))
        if self._count_targets(spec, head) and self._records <= SCALE_RECORDS:
            factor = loss_scale.loss_scale(graph, spec)
            # both factors of one batch: the last batch of an epoch may be smaller than the others
            self._scales.append(None if factor is None else factor * unscale * self._reduction)
        if self._criterion is None:
            file, line = source_of(spec.node)
            data = {"loss": spec.name, "classes": self._chance.classes, "chance": None}
            data |= head_structure.criterion_data(spec, head)
            self._criterion = Fact("criterion", "", step, {**data, "file": file, "line": line})
            self.flush()
        return True

    def read_cached(self, name: str, node: AutogradNode) -> None:
        """Read the criterion of a cached graph, in which only the targets are new."""
        self._records += 1
        self._count_targets(criterion.Criterion(name, node, None))

    def _count_targets(self, spec: criterion.Criterion, head: criterion.Head | None = None) -> bool:
        if self._records > TARGET_RECORDS or self._chance is None:
            return False
        target = criterion_targets.targets(spec)
        self._targets_in_graph = self._targets_in_graph or spec.weighed is not None
        if target is None and head is not None and self._records <= HAND_WRITTEN_RECORDS:
            target = criterion_targets.handwritten_targets(spec, head)
            self._targets_in_graph = self._targets_in_graph or target is not None
        if target is None:
            return False
        self._chance.add(target, _signed(getattr(spec.node, "_saved_ignore_index", None)))
        self._targets.add(target)
        self._reduction = _scale(spec, target)
        return True

    def flush(self) -> None:
        """Write the criterion again if more targets have changed the chance value."""
        if self._criterion is None or self._chance is None:
            return
        chance = self._chance.value()
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
    if spec.name not in ("cross_entropy", "nll"):
        return None
    logits = saved(spec.node, "_saved_self")
    if logits is None:
        logits = saved(spec.node, "_saved_result")  # log_softmax under soft targets
    if logits is None or logits.dim() == 0:
        return None
    return int(logits.shape[1] if logits.dim() > 1 else logits.shape[0])


def _scale(spec: criterion.Criterion, target: Tensor) -> float:
    """Return the factor of a sum reduction over the mean; 1 for a mean."""
    if int(getattr(spec.node, "_saved_reduction", 1)) != 2:
        return 1.0
    return float(target.numel())
