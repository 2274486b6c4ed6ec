"""Assigns losses to optimisers that step in turn (a GAN, an actor and its critic).

An optimiser that steps gets the losses since the last step. Losses that are known to reach none of
its parameters wait for another optimiser. Two optimisers alternate if the first steps again after
the second has stepped. If it never does, the second has replaced it (another phase, another
fold), and their losses make one series, as with a single optimiser.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.record.measure.parameter_samples import parameters_of

WAIT = 4  # steps of another optimiser after which the first one counts as replaced
MOST_SERIES = 8  # beyond that the losses of further optimisers share the first series

Loss = float | Tensor
Row = tuple[int, Loss | None, float, float]  # step, loss if there was one, rate, seconds


class LossReach(NamedTuple):
    """What is known of a loss from its graph.

    Attributes:
        parameters: ids of the parameters that it depends on.
        regresses: it is a distance to targets of many values, as a critic's is. What another loss
            gains through such a model does not work against it.
        scored: a criterion compares something with targets in it. What an actor gains from its
            critic is none: it is what the critic says.
    """

    parameters: frozenset[int] = frozenset()
    regresses: bool = False
    scored: bool = True


UNKNOWN = LossReach()

_Pending = tuple[Loss, LossReach, set[int]]  # and the ids of optimisers that refused the loss


@dataclass(slots=True)
class OptimizerTurn:
    """One optimiser that has losses of its own.

    Attributes:
        number: its series, from 1; 0 while it is not known whether it alternates with another.
        name: the name of its class.
        parameters: ids of the parameters that it steps.
        reach: ids of the parameters that its losses depend on.
        regresses: its losses are distances to targets of many values.
        scored: each of its losses has a criterion.
        rows: the rows of its steps, while `number` is 0.
    """

    number: int
    name: str
    parameters: frozenset[int]
    reach: frozenset[int] = frozenset()
    regresses: bool = False
    scored: bool = True
    rows: list[Row] = field(default_factory=list[Row])


class LossAttribution:
    """Assigns the losses of optimisers that step in turn to one series each.

    Args:
        put: called with a series' number and a row of it.
        on_turn: called with each optimiser that alternates, once known, the first one included.

    Attributes:
        number: the series that the current step's loss belongs to; 0 while not known.
        ends_iteration: whether an iteration ends with this step: always, with one optimiser.
    """

    def __init__(
        self, put: Callable[[int, Row], None], on_turn: Callable[[OptimizerTurn], None]
    ) -> None:
        self.number = 1
        self.ends_iteration = True
        self._put = put
        self._on_turn = on_turn
        self._known: dict[int, OptimizerTurn] = {}
        self._main = self._last = self._before_main = 0
        self._several = 0
        self._reach: dict[int, LossReach] = {}  # of the first, second, ... loss of a step
        self._unassigned: list[_Pending] = []

    def set_reach(self, place: int, reach: LossReach) -> None:
        """Set what the graph of the `place`-th loss since the last step told."""
        self._reach[place] = reach

    def assign(self, optimizer: Optimizer, losses: Sequence[Loss]) -> list[Loss]:
        """Return the losses of an optimiser that has stepped, and set `number`."""
        optimizer_id = id(optimizer)
        own, reach = self._own_losses(optimizer, losses)
        turn = self._known.get(optimizer_id)
        if turn is None and own:
            turn = self._known[optimizer_id] = OptimizerTurn(
                0, type(optimizer).__name__, _ids(optimizer)
            )
        if turn is not None:
            turn.reach |= reach.parameters
            turn.regresses |= reach.regresses
            turn.scored &= reach.scored
            self._number_turn(optimizer_id, turn)
        self.number = 1 if turn is None else turn.number
        self.ends_iteration = not self._several or optimizer_id == self._before_main
        self._last = optimizer_id
        return own

    def hold_row(self, row: Row) -> None:
        """Hold a row until it is known whether this optimiser alternates with another."""
        self._known[self._last].rows.append(row)

    def finish(self) -> None:
        """Write the rows that are held, by default into the first series: the run has ended."""
        for turn in self._known.values():
            self._release_rows(turn, turn.number or 1)

    def overlapping(self, turn: OptimizerTurn) -> list[int]:
        """Return the series of other optimisers whose parameters this one's losses depend on."""
        turns = self._known.values()
        return [t.number for t in turns if t is not turn and t.parameters & turn.reach]

    def _own_losses(
        self, optimizer: Optimizer, losses: Sequence[Loss]
    ) -> tuple[list[Loss], LossReach]:
        """Return this optimiser's losses and what they reach; the others stay unassigned."""
        optimizer_id = id(optimizer)
        if not self._unassigned and len(losses) < 2:
            return list(losses), self._reach.get(0, UNKNOWN)
        pending = [(loss, reach, set[int](refused)) for loss, reach, refused in self._unassigned]
        pending += [(loss, self._reach.get(n, UNKNOWN), set()) for n, loss in enumerate(losses)]
        parameters = _ids(optimizer)
        own: list[_Pending] = []
        foreign: list[_Pending] = []
        for entry in pending:
            reached = entry[1].parameters
            (own if not reached or reached & parameters else foreign).append(entry)
        if not own:  # parameters gathered for the forward pass have other ids: all or nothing
            own, foreign = pending[len(self._unassigned) :], []
        self._unassigned = [
            (loss, reach, refused | {optimizer_id})
            for loss, reach, refused in foreign
            if optimizer_id not in refused
        ]
        reached = UNKNOWN.parameters.union(*(reach.parameters for _, reach, _ in own))
        regresses = any(reach.regresses for _, reach, _ in own)
        scored = any(reach.scored for _, reach, _ in own)
        return [loss for loss, *_ in own], LossReach(reached, regresses, scored)

    def _number_turn(self, optimizer_id: int, turn: OptimizerTurn) -> None:
        if not self._main:
            self._main, turn.number = optimizer_id, 1
        elif optimizer_id == self._main:
            if self._last:
                self._before_main = self._last
            self._resolve_waiting(turn)
        elif not turn.number and len(turn.rows) >= WAIT:
            if self._several:
                self._start_series(turn)
                self._on_turn(turn)
            else:  # this one has replaced the first
                self._known[self._main].number, self._main = 0, optimizer_id
                turn.number = 1
            self._release_rows(turn, turn.number)

    def _resolve_waiting(self, main: OptimizerTurn) -> None:
        """Start a series for each optimiser that stepped before the first one stepped again."""
        waiting = [t for t in self._known.values() if t.rows and not t.number]
        newly_known = [] if self._several or not waiting else [main]
        for turn in waiting:
            self._start_series(turn)
        for turn in newly_known + [turn for turn in waiting if turn.number > 1]:
            self._on_turn(turn)
        for turn in waiting:
            self._release_rows(turn, turn.number)

    def _start_series(self, turn: OptimizerTurn) -> None:
        """Give an optimiser its own series, up to `MOST_SERIES`; else the first series."""
        turn.number = 1
        if self._several < MOST_SERIES - 1:
            self._several += 1
            turn.number += self._several

    def _release_rows(self, turn: OptimizerTurn, number: int) -> None:
        rows, turn.rows = turn.rows, []
        for row in rows:
            self._put(number, row)


def _ids(optimizer: Optimizer) -> frozenset[int]:
    return frozenset(map(id, parameters_of(optimizer)))
