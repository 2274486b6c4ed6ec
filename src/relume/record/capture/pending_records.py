"""Holds records and losses until their numbers have arrived, and writes them to the run file."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.core import Fact
from relume.record.capture.device_transfer import DeviceTransfer
from relume.record.capture.step_record import SiteSums, StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.measure.act_stats import site_stats, unit_fields
from relume.record.measure.stat import SampledSums
from relume.record.measure.unit_counters import WIDE, UnitCounters
from relume.record.schedule.loss_attribution import (
    Loss,
    LossAttribution,
    LossReach,
    OptimizerTurn,
    Row,
)
from relume.record.sites.sites import Sites
from relume.record.store.downsample import Key
from relume.record.store.run_file import UNSEEN, Writer

Floats = NDArray[np.float64]

COUNTER_WAIT = 200.0  # open windows are written again after so many times their writing time


class PendingRecords:
    """Writes records once their numbers are on the host, and losses in batches.

    Args:
        writer: the open run file.
        sites: the run's sites, whose per-unit counters are added to.
        fact_log: gets a fact for values that are not finite.
        on_loss: called with every loss, in order, as soon as its value is known.

    Attributes:
        attribution: assigns losses to optimisers that step in turn.
    """

    def __init__(
        self, writer: Writer, sites: Sites, fact_log: FactLog, on_loss: Callable[[float], None]
    ) -> None:
        self.attribution = LossAttribution(self._put, self._write_turn)
        self._writer = writer
        self._sites = sites
        self._fact_log = fact_log
        self._on_loss = on_loss
        self._pending: list[tuple[int, StepRecord, list[SiteSums], DeviceTransfer]] = []
        self._losses: list[Loss] = []
        self._rows: list[tuple[float, float, float, float]] = []
        self._device_rows: list[tuple[int, float, float, Tensor]] = []
        self._next_counters = 0.0
        self._units = 0  # units of all sites with counters
        self._further: list[tuple[int, Row]] = []  # rows of further optimisers' series
        self._carried_seconds = 0.0  # time of further optimisers' steps in this iteration

    def add_loss(self, loss: Tensor, reach: LossReach | None = None) -> None:
        """Keep a loss; its value is read at once on a CPU, with the next flush elsewhere.

        Args:
            loss: a scalar.
            reach: what its graph told, where it was read.
        """
        if reach is not None:
            self.attribution.set_reach(len(self._losses), reach)
        if loss.is_cpu:
            number = float(loss.item())
            self._losses.append(number)
            self._on_loss(number)
        else:
            self._losses.append(loss.detach().reshape(()).float())

    def drop_losses(self) -> None:
        """Drop the losses since the last step: they belong to another model."""
        self._losses = []

    def assign_losses(self, optimizer: Optimizer) -> None:
        """Keep the losses since the last step that belong to the optimiser that has stepped."""
        self._losses = self.attribution.assign(optimizer, self._losses)

    def end_step(self, step: int, rate: float, seconds: float) -> None:
        """Write the row of a step that has ended; its loss is the mean since the last step."""
        losses = self._losses
        only = losses[0] if len(losses) == 1 else None
        if self.attribution.number != 1:
            self._end_further_step(step, rate, seconds)
            return
        if self._carried_seconds:
            seconds, self._carried_seconds = seconds + self._carried_seconds, 0.0
        if isinstance(only, float):  # the usual case
            losses.clear()
            self._rows.append((float(step), only, rate, seconds))
            return
        self._losses = []
        self._put(1, (step, _mean(losses), rate, seconds))

    def end_earlier_steps(self) -> int:
        """Write the steps before the current one, which were taken for parts of one step.

        Weights that are updated by hand are known to be so after a few passes only.

        Returns:
            How many there were.
        """
        earlier, self._losses = self._losses[:-1], self._losses[-1:]
        for step, loss in enumerate(earlier):
            self._put(1, (step, loss, UNSEEN, 0.0))
        return len(earlier)

    def _end_further_step(self, step: int, rate: float, seconds: float) -> None:
        """Write or hold the row of an optimiser whose losses may make their own series."""
        row = (step, _mean(self._losses), rate, seconds)
        self._losses = []
        if self.attribution.number:
            self._carried_seconds += seconds
            self._further.append((self.attribution.number, row))
        else:
            self.attribution.hold_row(row)

    def _put(self, number: int, row: Row) -> None:
        """Write a step's row into the first series or a further one."""
        step, loss, rate, seconds = row
        if number > 1:
            self._further.append((number, row))
        elif isinstance(loss, Tensor):
            self._device_rows.append((step, rate, seconds, loss))
        else:
            self._rows.append((float(step), UNSEEN if loss is None else loss, rate, seconds))

    def _write_turn(self, turn: OptimizerTurn) -> None:
        names = [n for p in turn.parameters if (n := self._sites.names.by_id(p)) is not None]
        others = [_series(number) for number in sorted(self.attribution.overlapping(turn))]
        data = {"optimizer": turn.name, "model": _common(names), "reaches": others}
        data |= {"regresses": turn.regresses, "scored": turn.scored}
        self._writer.fact(Fact("turn", "", 0, {"loss": _series(turn.number), **data}))

    def finish(self) -> None:
        """Write the losses that were not yet assigned: the run has ended."""
        self.attribution.finish()
        self.flush()

    def add_record(self, step: int, record: StepRecord) -> None:
        """Take a finished record; it is written when its numbers have arrived."""
        sums = list(record.sums.values())
        tensors = [tensor for entry in sums for _, tensor in entry.sums]
        tensors += [tensor for _, tensor in record.scalars]
        if tensors or sums:
            self._pending.append((step, record, sums, DeviceTransfer(tensors)))

    def drain(self, *, wait: bool) -> None:
        """Write the records whose numbers have arrived (all of them if `wait`)."""
        while self._pending and (wait or self._pending[0][3].ready()):
            step, record, sums, transfer = self._pending.pop(0)
            # non-finite values are recorded as facts, not warned of in the user's terminal
            with np.errstate(all="ignore"):
                self._write(step, record, sums, transfer.read())

    def flush(self) -> None:
        """Write losses and per-unit counters as they stand."""
        if self._device_rows:
            # One copy for many steps; this waits for the device, twice a second at most.
            device_rows, self._device_rows = self._device_rows, []
            losses = torch.stack([loss for *_, loss in device_rows]).cpu()
            for (step, rate, seconds, _), value in zip(device_rows, losses, strict=True):
                self._rows.append((float(step), float(value), rate, seconds))
                self._on_loss(float(value))
        if self._rows:
            rows, self._rows = self._rows, []
            self._writer.steps(rows)
        if self._further:
            self._flush_further()
        now = perf_counter()
        if now >= self._next_counters:
            self.flush_counters()
            self._next_counters = now + COUNTER_WAIT * (perf_counter() - now)

    def flush_counters(self) -> None:
        """Write the per-unit counters as they stand."""
        states = self._sites.states.items()
        self._write_windows({n: state.counters for n, state in states if state.counters.changed})

    def _write_windows(self, counters: Mapping[str, UnitCounters]) -> None:
        windows = {name: each.take() for name, each in counters.items()}
        self._writer.all_windows(windows, {name: each.splits for name, each in counters.items()})

    def restart_windows(self) -> None:
        """Begin the counters anew: another training begins."""
        for state in self._sites.states.values():
            state.counters.restart()

    def split_windows(self) -> None:
        """Close the windows of all counters: the loss jumped, and another regime begins."""
        for state in self._sites.states.values():
            state.counters.split()

    def _flush_further(self) -> None:
        further, self._further = self._further, []
        values = [row[1] for _, row in further]
        waiting = [value for value in values if isinstance(value, Tensor)]
        fetched = iter(torch.stack(waiting).cpu().double().numpy() if waiting else ())
        rows: list[tuple[int, tuple[Key, ...], list[float]]] = []
        for (number, (step, _, rate, _)), value in zip(further, values, strict=True):
            loss = float(next(fetched)) if isinstance(value, Tensor) else value
            named = {_series(number): loss, _series(number, "learning_rate"): rate}
            known = {("", stat): v for stat, v in named.items() if v is not None and v != UNSEEN}
            if known:
                rows.append((step, tuple(known), list(known.values())))
        self._writer.records(rows)

    def _write(
        self, step: int, record: StepRecord, sums: list[SiteSums], host: Sequence[Floats]
    ) -> None:
        keys: list[Key] = []
        values: list[float] = []
        silent: dict[str, NDArray[np.bool_]] = {}
        place = 0
        for entry in sums:
            count = len(entry.sums)
            sampled = entry.sampled(host[place : place + count])
            stats = self._stats(step, entry, sampled)
            place += count
            name = entry.state.site.name
            if self._writer.ranked:
                stats["rows"] = float(entry.rows)  # the weight of this rank's means in a merge
                if "active" in sampled.sums:
                    silent[name] = sampled.sums["active"] == 0
            keys += entry.state.keys(tuple(stats))
            values += stats.values()
        for names, _ in record.scalars:
            keys += names
            values += host[place].tolist()
            place += 1
        self._fact_log.write_nonfinite(keys, values, step)
        self._writer.record(step, tuple(keys), values, silent)
        ended = [entry.state for entry in sums if entry.state.counters.finished]
        if ended:  # the first record among them: the state at initialisation is never lost
            self._write_windows({state.site.name: state.counters for state in ended})
        if record.phase == 0:
            self.flush()

    def _stats(self, step: int, entry: SiteSums, sampled: SampledSums) -> dict[str, float]:
        if entry.state.site.kind == "head":
            return site_stats(sampled, "head")
        counters = entry.state.counters
        if counters.fresh:
            self._units += max(map(np.size, sampled.sums.values()), default=0)
            counters.narrow = self._units > WIDE
        counters.add(step, entry.rows, unit_fields(sampled))
        return site_stats(sampled, entry.state.site.kind)


def _mean(losses: Sequence[Loss]) -> Loss | None:
    waiting = [loss for loss in losses if isinstance(loss, Tensor)]
    if waiting:
        return torch.stack(waiting).mean()
    known = [loss for loss in losses if not isinstance(loss, Tensor)]
    return math.fsum(known) / len(known) if known else None


def _series(number: int, stat: str = "loss") -> str:
    return stat if number == 1 else f"{stat}_{number}"


def _common(names: Sequence[str]) -> str:
    """Return the module of all these parameters: ``"G"`` for ``"G.0.weight"``, ``"G.2.bias"``."""
    parts = [name.split(".")[:-1] for name in names]
    shared = takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False))
    return ".".join(level[0] for level in shared)
