"""Decides when to record: within a share of wall time, early in the run, and when the loss jumps.

The budget is a token bucket. Every step of `seconds` adds ``share * seconds`` of credit; a recorded
step takes ``alpha * cost`` from it. `cost` is the time that the recorder measured for its own code.
`alpha` corrects what self-timing cannot see (cold caches, the allocator, slower dispatch): a
recorder that trusts its own clock under-reports its cost by a factor of 1.2 to 2.3. `alpha` is the
measured extra time of a recorded step and of the few steps after it, whose caches are cold,
divided by `cost`.

Reference: token bucket, ITU-T I.371; the calibration is described in docs/recording.md.
"""

import math
import random
from collections import deque
from statistics import median

from relume.record.schedule.ranks import grid_level

FORCED = 16  # first steps recorded whatever they cost: twice the batches that a rule asks for
FIRST_CREDIT = 0.25  # seconds after those, spread over the run: units die early, and late too
SET_UP = 2  # records that include one-time work, which says nothing about the later cost
WINDOW = 48  # step times of either kind that the calibration uses
LEAST_PAIRS = 8  # step times of either kind before alpha is calibrated
ALPHA = (1.25, 1.5, 6.0)  # least, start, most; measured truth was 1.2 to 2.3 (see above)
AFTER = 8  # steps after a recorded one that are slower for it: benchmarks/hidden.py
DEBT = 10.0  # records' worth of credit that a requested record may borrow
EFOLD = 0.33  # share of the credit that is spent while the steps grow by a factor of e
SAVINGS = 20.0  # records' worth of credit kept at most, so that a long pause buys no burst


class OverheadBudget:
    """Decides after every optimiser step whether the next one is recorded.

    Args:
        share: the share of wall time that recording may take, in (0, 1].
        every: record each `every`-th step instead, at any cost.
        shared: other ranks train the same model, so record steps that they record too.
    """

    def __init__(
        self, share: float = 0.01, every: int | None = None, *, shared: bool = False
    ) -> None:
        self.share = share
        self.every = every
        self.shared = shared
        self.credit = FIRST_CREDIT
        self.alpha = ALPHA[1]
        self.spent = 0.0
        self.elapsed = 0.0
        self.records = 0
        self.steps = 0
        self._cost = 0.0  # running mean of a record's own cost
        self._recorded: deque[float] = deque(maxlen=WINDOW)
        self._plain: deque[float] = deque(maxlen=WINDOW)
        self._costs: deque[float] = deque(maxlen=WINDOW)
        self._after: deque[float] = deque(maxlen=WINDOW)  # seconds of `AFTER` steps after a record
        self._following: list[float] = []  # steps after the last record, so far
        # Its own generator: the user's random state must not advance.
        self._random = random.Random(0x5EED)
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._next = 0.0
        self._grid_level = 0  # of the grid of steps, where ranks share one
        self._requested = False

    @property
    def overhead(self) -> float:
        """The recorder's own estimate of its cost as a share of the time so far."""
        return self.spent / self.elapsed if self.elapsed else 0.0

    def request(self) -> None:
        """Request a record of the next step, on credit if need be: the loss has jumped."""
        self._requested = True

    def charge(self, seconds: float) -> None:
        """Charge the cost of work outside a recorded step (a flush of the loss, say)."""
        self.credit -= seconds
        self.spent += seconds

    def step(self, seconds: float, cost: float | None) -> bool:
        """Account for a finished step; return whether to record the next one.

        Args:
            seconds: wall time since the last optimiser step.
            cost: the recorder's own measured time if this step was recorded, else None.
        """
        self.steps += 1
        self.elapsed += seconds
        self.credit += self.share * seconds
        self._recent.append(seconds)
        if cost is None:
            self._plain.append(seconds)
            if len(self._following) < AFTER:
                self._add_following(seconds)
            if self.steps < self._next and not self._requested:
                return False  # the usual case
        else:
            self._account_record(seconds, cost)
        return self._due()

    def steps_until_record(self) -> int:
        """Return how many steps to come will certainly not be recorded."""
        if self._requested:
            return 0
        if self.every is None:
            # the steps until the credit is earned, at the recent step time
            price = self.alpha * self._cost
            income = self.share * max(median(self._recent), 1e-9) if self._recent else 0.0
            short = (price - self.credit) / income if income > 0 else 0.0
            return int(max(self._next - self.steps, short)) - 1
        return int(self._next) - self.steps - 1

    def skip_steps(self, steps: int, seconds: float) -> None:
        """Account for several steps on which nothing was recorded.

        Args:
            steps: how many.
            seconds: wall time of all of them.
        """
        self.steps += steps
        self.elapsed += seconds
        self.credit += self.share * seconds
        self._recent.append(seconds / steps)
        self._plain.append(seconds / steps)

    def _add_following(self, seconds: float) -> None:
        self._following.append(seconds)
        if len(self._following) == AFTER and self.records > SET_UP:
            self._after.append(sum(self._following))

    def _account_record(self, seconds: float, cost: float) -> None:
        self.records += 1
        self._following.clear()
        if self.records > SET_UP:
            self._recorded.append(seconds)
            self._costs.append(cost)
            self._cost += 0.2 * (cost - self._cost)
        else:
            self._cost = cost
        self._calibrate()
        self.spent += self.alpha * cost
        if self.records > FORCED:  # the first ones are free: charged, they would use up the credit
            self.credit -= self.alpha * cost

    def _calibrate(self) -> None:
        if min(len(self._recorded), len(self._plain)) < LEAST_PAIRS:
            return
        claimed = median(self._costs)
        if claimed <= 0:
            return
        plain = median(self._plain)
        extra = median(self._recorded) - plain
        error = _spread(self._recorded) + _spread(self._plain)
        if len(self._after) >= LEAST_PAIRS:
            extra += max(median(self._after) - AFTER * plain, 0.0)
            error += _spread(self._after)
        weight = 1 / (1 + (error / claimed) ** 2)  # noise as large as the cost: half
        ratio = max(ALPHA[0], min(ALPHA[2], extra / claimed))
        self.alpha = weight * ratio + (1 - weight) * ALPHA[1]

    def _due(self) -> bool:
        if self.every is not None:
            self._requested = False
            self._next = (self.steps // self.every + 1) * self.every
            return self.steps % self.every == 0
        if self.records < FORCED:
            return True
        price = self.alpha * self._cost
        self.credit = min(self.credit, max(FIRST_CREDIT, SAVINGS * price))
        if self._requested and self.credit > -DEBT * price:
            self._requested = False
            return self._schedule_next()
        if self.shared and grid_level(self.steps) < self._grid_level:
            return False
        if self.credit >= price and self.steps >= self._next:
            return self._schedule_next()
        return False

    def _schedule_next(self) -> bool:
        """Record the next step, and choose the earliest one after it.

        The credit is spread evenly over the logarithm of the steps, since their number is not
        known: records are dense at first, and the credit lasts until the income alone pays for
        them. The jitter keeps them from falling in step with periodic data.
        """
        price = self.alpha * self._cost
        earned = price / (self.share * max(median(self._recent), 1e-9))
        spread = self.steps * price / (EFOLD * max(self.credit, price))
        distance = min(spread, earned)
        if self.shared:
            # The grid that has as few steps as are paid for. A rank that can pay for more has a
            # finer grid, which has this rank's steps too, so those are common.
            self._grid_level = math.ceil(math.log2(max(distance, 1.0)))
            return True
        self._next = self.steps + max(1.0, distance * self._random.uniform(0.5, 1.5))
        return True


def _spread(values: deque[float]) -> float:
    """Return a median's standard error, from the quartiles (normal: 1.253 sigma/sqrt n)."""
    ordered = sorted(values)
    count = len(ordered)
    sigma = (ordered[(3 * count) // 4] - ordered[count // 4]) / 1.349
    return float(1.253 * sigma / count**0.5)
