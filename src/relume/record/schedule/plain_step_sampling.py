"""Decides which plain steps are sampled and which are skipped, where steps are fast.

Reading the loss and the learning rate of a plain step takes about ten microseconds: nothing where
a step takes ten milliseconds, two per cent where it takes half a millisecond. In such a training
the recorder samples plain steps in stretches of `STRETCH` in a row and skips many more between
them; on a skipped step only a counter runs. A stretch has consecutive steps, so that it shows the
noise of the loss from step to step and an oscillation of any period. Its place is random, so that
it does not fall in step with periodic data.
"""

import random

SHARE = 0.002  # of the step time that sampling plain steps may take
FIRST_STEPS = 256  # none of them is skipped: rules read how the loss begins
STRETCH = 16  # consecutive plain steps that are sampled; the noise of the loss needs three
HIDDEN = 4.0  # true cost of sampling, in multiples of the hook's time: benchmarks/hidden.py
LONGEST = 0.25  # seconds that may be skipped: a jump of the loss is read after them at the latest


class PlainStepSampling:
    """Decides how many steps to skip after a stretch of plain steps.

    Args:
        share: of the step time that sampling plain steps may take.

    Attributes:
        disabled: no step is skipped, since something needs every step to be counted.
        cost: seconds that sampling a plain step truly takes, a running mean.
    """

    def __init__(self, share: float = SHARE) -> None:
        self.share = share
        self.disabled = False
        self._next = FIRST_STEPS  # the step at which a stretch ends
        self.cost = 0.0
        self._coin = random.Random(0xD0E5)  # its own: the user's random state must not advance

    def due(self, step: int) -> bool:
        """Whether a stretch of plain steps ends with this one."""
        if step < self._next:
            return False
        self._next = step + STRETCH
        return not self.disabled

    def resumed(self, step: int) -> None:
        """Begin a stretch here: skipping has ended early, at a pause."""
        self._next = step + STRETCH

    def skip(self, hook_seconds: float, step_seconds: float, most: float) -> int:
        """Return how many steps to skip after a stretch, 0 for none.

        Args:
            hook_seconds: time that the recorder's hook took on the last plain step.
            step_seconds: time of a step.
            most: steps to come of which certainly none will be recorded.
        """
        cost = HIDDEN * hook_seconds
        # Slow outliers (a page fault, another process's load) must not skip steps for long.
        if self.cost:
            cost = self.cost + 0.2 * (min(cost, 4 * self.cost) - self.cost)
        self.cost = cost
        if step_seconds <= 0:
            return 0
        stride = self.cost / (self.share * step_seconds)  # one step in so many may be sampled
        if stride <= 1:
            return 0
        wanted = STRETCH * (stride - 1) * self._coin.uniform(0.75, 1.25)
        steps = max(0, int(min(wanted, LONGEST / step_seconds, most)))
        self._next += steps
        return steps
