"""From device sums and losses to rows in the run file."""

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.record.look import Look, Sums, Transfer
from relume.record.notes import Notes
from relume.record.sites import Sites
from relume.record.stats import head_stats, site_stats, unit_fields
from relume.record.store import UNSEEN, Writer
from relume.record.thin import Key
from relume.record.units import WIDE

Floats = NDArray[np.float64]

COUNTERS = 200.0  # times what writing the open windows takes passes before they are written again


class Ledger:
    """Writes records when their numbers have arrived on the host, and losses a batch at a time.

    Args:
        writer: the open run file.
        sites: the run's sites, whose per-unit counters are added to.
        notes: told of values that are not finite.
        on_loss: told of every loss, in order, as soon as its value is known.
    """

    def __init__(
        self, writer: Writer, sites: Sites, notes: Notes, on_loss: Callable[[float], None]
    ) -> None:
        self._writer = writer
        self._sites = sites
        self._notes = notes
        self._on_loss = on_loss
        self._pending: list[tuple[int, Look, list[Sums], Transfer]] = []
        self._losses: list[float | Tensor] = []
        self._rows: list[tuple[float, float, float, float]] = []
        self._device_rows: list[tuple[int, float, float, Tensor]] = []
        self._next_counters = 0.0
        self._units = 0  # of all sites that are counted

    def loss(self, loss: Tensor) -> None:
        """Keep a loss; its value is read at once on a CPU, with the next flush elsewhere."""
        if loss.is_cpu:
            number = float(loss.item())
            self._losses.append(number)
            self._on_loss(number)
        else:
            self._losses.append(loss.detach().reshape(()).float())

    def drop(self) -> None:
        """The losses since the last step belong to no step of the watched model's."""
        self._losses = []

    def step(self, step: int, rate: float, seconds: float) -> None:
        """A step has ended: its loss is the mean of the losses since the last one."""
        losses = self._losses
        only = losses[0] if len(losses) == 1 else None
        if isinstance(only, float):  # as good as always
            losses.clear()
            self._rows.append((float(step), only, rate, seconds))
            return
        self._losses = []
        waiting = [loss for loss in losses if isinstance(loss, Tensor)]
        if waiting:
            self._device_rows.append((step, rate, seconds, torch.stack(waiting).mean()))
            return
        known = [loss for loss in losses if not isinstance(loss, Tensor)]
        value = math.fsum(known) / len(known) if known else UNSEEN
        self._rows.append((float(step), value, rate, seconds))

    def record(self, step: int, look: Look) -> None:
        """Take a finished look; it is written when its numbers have arrived."""
        sums = list(look.sums.values())
        tensors = [tensor for entry in sums for _, tensor in entry.parts]
        tensors += [tensor for _, tensor in look.scalars]
        if tensors or sums or look.here:
            self._pending.append((step, look, sums, Transfer(tensors)))

    def drain(self, *, wait: bool) -> None:
        """Write the records whose numbers have arrived (all of them if `wait`)."""
        while self._pending and (wait or self._pending[0][3].ready()):
            step, look, sums, transfer = self._pending.pop(0)
            # what is not finite is told (`watch_finite`), not warned of in the user's terminal
            with np.errstate(all="ignore"):
                self._write(step, look, sums, transfer.read())

    def flush(self) -> None:
        """Write losses and per-unit counters as they stand."""
        if self._device_rows:
            # One copy for many steps; the device is waited for here, twice a second at most.
            kept, self._device_rows = self._device_rows, []
            stacked = torch.stack([loss for *_, loss in kept]).cpu()
            for (step, rate, seconds, _), value in zip(kept, stacked, strict=True):
                self._rows.append((float(step), float(value), rate, seconds))
                self._on_loss(float(value))
        if self._rows:
            rows, self._rows = self._rows, []
            self._writer.steps(rows)
        now = perf_counter()
        if now >= self._next_counters:
            self.flush_counters()
            self._next_counters = now + COUNTERS * (perf_counter() - now)

    def flush_counters(self) -> None:
        """Write the per-unit counters as they stand."""
        plans = self._sites.plans.items()
        changed = {name: plan.counters.take() for name, plan in plans if plan.counters.changed}
        self._writer.all_windows(changed)

    def _write(self, step: int, look: Look, sums: list[Sums], host: Sequence[Floats]) -> None:
        keys: list[Key] = []
        values: list[float] = []
        silent: dict[str, NDArray[np.bool_]] = {}
        place = 0
        for entry in sums:
            count = len(entry.parts)
            named = entry.named(host[place : place + count])
            found = self._stats(step, entry, named)
            place += count
            name = entry.plan.site.name
            if self._writer.ranked:
                found["rows"] = float(entry.rows)  # what means of several ranks are weighed by
                if "active" in named:
                    silent[name] = named["active"] == 0
            keys += entry.plan.keys(tuple(found))
            values += found.values()
        for names, _ in look.scalars:
            keys += names
            values += host[place].tolist()
            place += 1
        for names, numbers in look.here:
            keys += names
            values += numbers.tolist()
        self._notes.watch_finite(keys, values, step)
        self._writer.record(step, tuple(keys), values, silent)
        ended = [entry.plan for entry in sums if entry.plan.counters.finished]
        if ended:  # the first record among them: the state at initialisation is never lost
            self._writer.all_windows({plan.site.name: plan.counters.take() for plan in ended})
        if look.phase == 0:
            self.flush()

    def _stats(self, step: int, entry: Sums, named: dict[str, Any]) -> dict[str, float]:
        if entry.plan.site.kind == "head":
            return head_stats(entry.pre_rows, named)
        counters = entry.plan.counters
        if counters.fresh:
            self._units += len(named["active"])
            counters.narrow = self._units > WIDE
        counters.add(step, entry.rows, unit_fields(entry.pre_rows, named))
        return site_stats(entry.rows, entry.pre_rows, named)
