"""Whose loss is whose, where several optimisers step in turn (a GAN, an actor and its critic).

The losses since the last step are those of the optimiser that steps, but for losses that are known
to reach none of its parameters: these wait for their own. Optimisers take turns where one comes
back after another has stepped a few times; one that never does was followed by it (another
phase, another fold), and their losses make one series, as with a single optimiser.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.optim.optimizer import Optimizer

WAIT = 4  # steps of another optimiser after which the one before it is taken not to come back
MOST_SERIES = 8  # beyond that the further optimisers' losses are not told apart

Loss = float | Tensor
Row = tuple[int, Loss | None, float, float]  # step, loss if one was seen, rate, seconds


@dataclass(slots=True)
class OptimizerTurn:
    """One optimiser that has losses of its own.

    Attributes:
        number: of its series, from 1; 0 while it is not known whether it takes turns.
        name: of its class.
        parameters: ids of those it steps.
        reach: ids of the parameters that its losses depend on.
        rows: of its steps, while `number` is 0.
    """

    number: int
    name: str
    parameters: frozenset[int]
    reach: frozenset[int] = frozenset()
    rows: list[Row] = field(default_factory=list[Row])


class LossAttribution:
    """Tells apart the losses of optimisers that step in turn.

    Args:
        put: takes a row of a series by its number.
        on_turn: told of each optimiser that takes turns, when that is known, the first one too.

    Attributes:
        number: of the series that the current step's loss goes to; 0: not known yet.
        decides: whether an iteration ends with the current step: always, with one optimiser.
    """

    def __init__(
        self, put: Callable[[int, Row], None], on_turn: Callable[[OptimizerTurn], None]
    ) -> None:
        self.number = 1
        self.decides = True
        self._put = put
        self._on_turn = on_turn
        self._known: dict[int, OptimizerTurn] = {}
        self._main = self._last = self._before_main = 0
        self._several = 0
        self._reach: dict[int, frozenset[int]] = {}  # of the first, second, ... loss of a step
        self._left: list[tuple[Loss, frozenset[int], set[int]]] = []

    def reached(self, place: int, parameters: frozenset[int]) -> None:
        """The `place`-th loss since the last step depends on these parameters (their ids)."""
        self._reach[place] = parameters

    def begin(self, optimizer: Optimizer, losses: Sequence[Loss]) -> list[Loss]:
        """An optimiser has stepped: the losses that are its own; sets `number`."""
        me = id(optimizer)
        mine, reach = self._mine(optimizer, losses)
        turn = self._known.get(me)
        if turn is None and mine:
            turn = self._known[me] = OptimizerTurn(0, type(optimizer).__name__, _ids(optimizer))
        if turn is not None:
            turn.reach |= reach
            self._settle(me, turn)
        self.number = 1 if turn is None else turn.number
        self.decides = not self._several or me == self._before_main
        self._last = me
        return mine

    def wait(self, row: Row) -> None:
        """Keep a row until it is known whether this optimiser takes turns."""
        self._known[self._last].rows.append(row)

    def finish(self) -> None:
        """Nothing more comes: what was not found to take turns belongs to the first series."""
        for turn in self._known.values():
            self._give(turn, turn.number or 1)

    def others(self, turn: OptimizerTurn) -> list[int]:
        """The numbers of the other series whose optimisers' parameters its losses depend on."""
        every = self._known.values()
        return [t.number for t in every if t is not turn and t.parameters & turn.reach]

    def _mine(
        self, optimizer: Optimizer, losses: Sequence[Loss]
    ) -> tuple[list[Loss], frozenset[int]]:
        """The losses of this optimiser, and what they reach; the others are left for theirs."""
        me = id(optimizer)
        if not self._left and len(losses) < 2:
            return list(losses), self._reach.get(0, frozenset())
        unknown = frozenset[int]()
        every = [(loss, reach, set[int](refused)) for loss, reach, refused in self._left]
        every += [(loss, self._reach.get(n, unknown), set()) for n, loss in enumerate(losses)]
        held = _ids(optimizer)
        mine = [entry for entry in every if not entry[1] or entry[1] & held]
        rest = [entry for entry in every if entry[1] and not entry[1] & held]
        if not mine:  # parameters put together for the forward have other ids: all or nothing
            mine, rest = every[len(self._left) :], []
        self._left = [
            (loss, reach, refused | {me}) for loss, reach, refused in rest if me not in refused
        ]
        return [loss for loss, *_ in mine], unknown.union(*(reach for _, reach, _ in mine))

    def _settle(self, me: int, turn: OptimizerTurn) -> None:
        if not self._main:
            self._main, turn.number = me, 1
        elif me == self._main:
            if self._last:
                self._before_main = self._last
            self._come_back(turn)
        elif not turn.number and len(turn.rows) >= WAIT:
            if self._several:
                self._own(turn)
                self._on_turn(turn)
            else:  # the one before does not come back
                self._known[self._main].number, self._main = 0, me
                turn.number = 1
            self._give(turn, turn.number)

    def _come_back(self, main: OptimizerTurn) -> None:
        """The first optimiser steps again: whoever stepped in between takes turns with it."""
        waiting = [t for t in self._known.values() if t.rows and not t.number]
        said = [] if self._several or not waiting else [main]
        for turn in waiting:
            self._own(turn)
        for turn in said + [turn for turn in waiting if turn.number > 1]:
            self._on_turn(turn)
        for turn in waiting:
            self._give(turn, turn.number)

    def _own(self, turn: OptimizerTurn) -> None:
        """From now on a series of its own, while there are few."""
        turn.number = 1
        if self._several < MOST_SERIES - 1:
            self._several += 1
            turn.number += self._several

    def _give(self, turn: OptimizerTurn, number: int) -> None:
        rows, turn.rows = turn.rows, []
        for row in rows:
            self._put(number, row)


def _ids(optimizer: Optimizer) -> frozenset[int]:
    return frozenset(id(p) for group in optimizer.param_groups for p in group["params"])
