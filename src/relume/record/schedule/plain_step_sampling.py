"""Sleep: on most steps of a fast training the recorder does nothing at all.

Keeping the loss and the learning rate of a plain step takes some ten microseconds: nothing where
a step takes ten milliseconds, two per cent where it takes half of one. There the recorder looks
at plain steps in stretches of `STRETCH` in a row, and sleeps through many more between them: only
a counter runs. A stretch is of consecutive steps, so that the noise of the loss from step to step
and an oscillation of any period are still seen; its place is drawn, so that it does not fall in
step with data that come in periods.
"""

import random

SHARE = 0.002  # of the step time that looking at plain steps may take
FIRST_STEPS = 256  # none of them is slept through: a run is judged by how its loss begins
STRETCH = 16  # consecutive plain steps looked at; the noise of the loss needs three
HIDDEN = 4.0  # true cost of looking, times the hook's own time: benchmarks/hidden.py
LONGEST = 0.25  # seconds asleep at most: a jump of the loss is seen by then


class PlainStepSampling:
    """How many steps to sleep after a stretch of plain steps.

    Args:
        share: of the step time that looking at plain steps may take.

    Attributes:
        never: something needs each step to be counted as it ends.
    """

    def __init__(self, share: float = SHARE) -> None:
        self.share = share
        self.disabled = False
        self._next = FIRST_STEPS  # the step at which a stretch ends
        self.cost = 0.0  # seconds that looking at a plain step truly takes, a running mean
        self._coin = random.Random(0xD0E5)  # the user's random state is not ours to advance

    def due(self, step: int) -> bool:
        """Whether a stretch of plain steps ends with this one."""
        if step < self._next:
            return False
        self._next = step + STRETCH
        return not self.disabled

    def resumed(self, step: int) -> None:
        """A sleep has ended early, at a pause: a stretch begins here."""
        self._next = step + STRETCH

    def skip(self, hook_seconds: float, step_seconds: float, most: float) -> int:
        """A stretch has ended: how many steps to sleep, 0 for none.

        Args:
            own: time that our hook took on the last plain step.
            seconds: of a step.
            most: steps for which it is certain that none is to be recorded.
        """
        cost = HIDDEN * hook_seconds
        # Slow outliers (a page fault, a neighbour's load) must not put us to sleep for long.
        if self.cost:
            cost = self.cost + 0.2 * (min(cost, 4 * self.cost) - self.cost)
        self.cost = cost
        if step_seconds <= 0:
            return 0
        stride = self.cost / (self.share * step_seconds)  # one step in so many may be looked at
        if stride <= 1:
            return 0
        wanted = STRETCH * (stride - 1) * self._coin.uniform(0.75, 1.25)
        steps = max(0, int(min(wanted, LONGEST / step_seconds, most)))
        self._next += steps
        return steps
