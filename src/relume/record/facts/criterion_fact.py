"""What the run is judged by: its criterion, and the loss of the best constant guess."""

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

SCALE_LOOKS = 4  # first records on which the way from the criterion to the loss is read
HAND_LOOKS = 32  # records on which a hand-written distance is undone for its targets
TARGET_LOOKS = 200  # records whose targets are counted for the chance value


class CriterionFact:
    """Writes the fact on the criterion, and writes it anew as targets change what is known.

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
        self._views = 0
        self._by_graph = False

    @property
    def reads_on(self) -> bool:
        """Whether the targets stand nowhere but in the whole graph, and are still looked at."""
        return self._by_graph and self._views <= HAND_LOOKS

    def read(
        self,
        graph: AutogradGraph,
        found: criterion.Criterion,
        ends: criterion.Head,
        step: int,
        unscale: float,
    ) -> bool:
        """Read one graph's criterion; False if the run is not judged by it."""
        self._views += 1
        if self._criterion is not None and self._criterion.data["loss"] != found.name:
            return False  # a second criterion (a GAN's other loss): the first one is judged by
        if self._chance is None:
            self._chance = ChanceLoss(found.name, _classes(found))
        if self._count_targets(found, ends) and self._views <= SCALE_LOOKS:
            factor = loss_scale.loss_scale(graph, found)
            # both of one batch: the last one of an epoch may be smaller than the others
            self._scales.append(None if factor is None else factor * unscale * self._reduction)
        if self._criterion is None:
            file, line = source_of(found.node)
            data = {"loss": found.name, "classes": self._chance.classes, "chance": None}
            data |= head_structure.criterion_data(found, ends)
            self._criterion = Fact("criterion", "", step, {**data, "file": file, "line": line})
            self.flush()
        return True

    def again(self, name: str, node: AutogradNode) -> None:
        """A graph like the last one: of its criterion, only the targets are new."""
        self._views += 1
        self._count_targets(criterion.Criterion(name, node, None))

    def _count_targets(
        self, found: criterion.Criterion, ends: criterion.Head | None = None
    ) -> bool:
        if self._views > TARGET_LOOKS or self._chance is None:
            return False
        target = criterion_targets.targets(found)
        self._by_graph = self._by_graph or found.weighed is not None
        if target is None and ends is not None and self._views <= HAND_LOOKS:
            target = criterion_targets.handwritten_targets(found, ends)
            self._by_graph = self._by_graph or target is not None
        if target is None:
            return False
        self._chance.add(target, _signed(getattr(found.node, "_saved_ignore_index", None)))
        self._targets.add(target)
        self._reduction = _scale(found, target)
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
        """What the mean per target is multiplied by in the loss of a usual batch."""
        if not self._scales:
            return 1.0
        known = [value for value in self._scales if value is not None]
        return median(known) if self._scales[-1] is not None else None

    def finish_rank(self, step: int) -> None:
        """Keep the sums from which several ranks' chance value is made."""
        if self._chance is not None and self._criterion is not None:
            data = {"scale": self._scale(), **self._chance.state()}
            self._writer.replace_fact(Fact("targets", "", step, data))


def _signed(value: Any) -> int | None:
    """torch hands out negative integers unsigned."""
    if value is None:
        return None
    return signed_axis(value)


def _classes(found: criterion.Criterion) -> int | None:
    if found.name not in ("cross_entropy", "nll"):
        return None
    kept = saved(found.node, "_saved_self")
    if kept is None:
        kept = saved(found.node, "_saved_result")  # log_softmax under soft targets
    if kept is None or kept.dim() == 0:
        return None
    return int(kept.shape[1] if kept.dim() > 1 else kept.shape[0])


def _scale(found: criterion.Criterion, target: Tensor) -> float:
    """What sum reduction multiplies the mean by; 1 for a mean."""
    if int(getattr(found.node, "_saved_reduction", 1)) != 2:
        return 1.0
    return float(target.numel())
