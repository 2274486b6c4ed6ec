"""Watches units over training batches, and reports the dead ones on a schedule."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.acts.recognise import act_functions
from relume.acts.wide_precision import evaluate
from relume.core.trial import Edit
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.live.forward_trace import ActPlace, trace_forward
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.session import attempt
from relume.fixes.shared.weight_draws import why_not_redrawn, why_not_redrawn_before
from relume.instrument.private_names import DisableTorchFunction

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

ROWS = 512  # samples on which a unit must stay silent to count as dead
FIRST, MOST = 25, 400  # steps between two checks: doubled each time, up to the most
FLAT = 0.01  # of the largest slope: where a smooth act counts as silent (page of ACT402)


@dataclass(eq=False, slots=True)
class WatchedUnits:
    """Counts which units of an act fire, and keeps its last input."""

    place: ActPlace
    model: LiveModel
    rows: int = 0
    alive: Tensor | None = None  # (units,)
    last: Tensor | None = None  # (rows, units)

    def add(self, z: Tensor) -> None:
        """Count one batch."""
        rows = z.detach().movedim(self.place.axis, -1).reshape(-1, z.shape[self.place.axis])
        fires = _fires(self.place, rows).any(0)
        self.alive = fires if self.alive is None else self.alive | fires
        self.rows, self.last = self.rows + len(rows), rows

    def dead(self) -> Tensor | None:
        """Return which units never fired, and start again; None before there are enough samples."""
        if self.alive is None or self.rows < ROWS:
            return None
        dead = ~self.alive
        self.alive, self.rows = None, 0
        return dead


def _fires(place: ActPlace, rows: Tensor) -> Tensor:
    act = place.act
    kinks = act.kinks_at()
    if kinks:
        return rows > kinks[0]
    assert act.slope is not None
    slope = evaluate(act.slope, rows, act.defaults, wide=False)
    return slope.abs() > FLAT * act.max_slope


Revive = Callable[[WatchedUnits, Tensor], None]


def watch_units(edit: Edit, session: "EditSession", revive: Revive) -> None:
    """Call `revive` with the dead units of an act, on a schedule of optimiser steps.

    It watches the hidden acts that rectify and are fed by one layer; if the edit names sites, only
    those.
    """
    job, watched = session.current, dict[tuple[int, str, int], WatchedUnits]()
    job.no_effect = "no unit was dead when it was looked for"
    schedule = _Schedule()

    def start(model: LiveModel) -> None:
        for place in trace_forward(model, session.threads).hidden():
            named = not edit.sites or place.site in edit.sites
            if not named or not place.act.rectifies or place.layer is None:
                continue
            reason = why_not_redrawn_before(place) or why_not_redrawn(
                model, place.layer, place.path
            )
            if reason:
                job.notes.append(f"not watched: {reason}")
                continue
            key = (id(place.owner()), place.act.name, place.index)
            watched[key] = WatchedUnits(place, model)

    def answer(call: FunctionCall) -> Any:
        if call.act is None or call.module is None or not torch.is_grad_enabled():
            return PASS
        one = watched.get((id(call.module), call.act.name, call.index))
        trains = one is not None and one.place.owner() is call.module and call.module.training
        if one is not None and trains and isinstance(call.z, Tensor):
            with DisableTorchFunction(), torch.no_grad():
                one.add(call.z)
        return PASS

    def after(_optimiser: Any, _count: int) -> None:
        if not schedule.due():
            return
        for one in watched.values():
            dead = one.dead()
            if dead is not None and bool(dead.any()) and one.model.alive:
                with attempt(job), torch.no_grad():
                    revive(one, dead)

    session.on_start(start, training=True)
    session.on_calls(dict.fromkeys(act_functions(), answer))
    session.on_step(after=after)
    session.undo.append(partial(watched.clear))


class _Schedule:
    """Due after 25 steps, then after twice as many each time, up to 400."""

    def __init__(self) -> None:
        self._steps, self._gap, self._next = 0, FIRST, FIRST

    def due(self) -> bool:
        self._steps += 1
        if self._steps < self._next:
            return False
        self._gap = min(2 * self._gap, MOST)
        self._next = self._steps + self._gap
        return True
