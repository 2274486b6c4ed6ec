"""Decides after every step whether the next one is recorded.

The numbers of the steps decide (`step_schedule`), and what the run does: where its loss jumps the
next step is recorded at once. The clock has no say until a fixed allowance of recording time is
spent. `ALLOWANCE` is that allowance; it comes free little by little, so that a model whose records
are costly does not spend all of it on its first steps. A part of it (`RESERVED`) pays for one
record in four only: where the rest is spent, a run that ends soon is still seen near its end. From
then on records take a share of the run's wall time, by a token bucket: every step of `seconds` adds
``share * seconds`` of credit, less what a plain step pays for our hook; a record takes ``alpha *
cost`` from it, and the grid of steps is as coarse as that pays for.

`cost` is the processor time that the recorder's own code measured of itself, so a busy machine
changes nothing. `alpha` corrects what self-timing cannot see (cold caches, the allocator, slower
dispatch): a recorder that trusts its own clock under-reports by 1.2 to 2.3 times. It is the ratio
of the extra time that a recorded step and the few after it, which find the caches cold, were
measured to take to the time that was claimed.

Reference: token bucket, ITU-T I.371; the calibration is relume's own (docs/recording.md).
"""

import math
from collections import deque
from statistics import median

from relume.record.schedule.step_schedule import grid_level, next_record, record_level

FORCED = (
    8  # first steps of a training recorded whatever they cost: the batches that a rule asks for
)
TRAININGS = 16  # so many have forced records: a loop over thousands of short trainings pays no more
ALLOWANCE = 1.5  # seconds of recording that the numbers of the steps alone decide about
RESERVED = (
    0.2  # of the allowance: it pays for a sparser grid, so that a short run is seen to its end
)
SPARSER = 2  # levels: 16 records for each doubling, at most 8 % of the run apart
EARLY = 0.25  # of the allowance that is free at once; half as much for each doubling of the run
SET_UP = 2  # records that pay for work which never comes again teach nothing about the cost
KEPT = 48  # step times of either kind that the calibration looks at
LEAST_PAIRS = 8  # of either kind before alpha is trusted at all
ALPHA = (1.25, 1.5, 6.0)  # least, start, most; measured truth was 1.2 to 2.3 (see above)
AFTER = 8  # steps after a recorded one that are slower for it: benchmarks/hidden.py
PLAIN = 2e-6  # seconds that a plain step pays: 0.4 to 3.3 us (benchmarks/hidden.py)
LEAST_INCOME = 0.25  # of the share that is left for records where steps are very short
DEBT = 10.0  # how many records an urgent look may borrow
SAVINGS = 20.0  # records' worth of credit kept at most, so that a long pause buys no burst


class OverheadBudget:
    """Decides after every optimiser step whether the next one is recorded.

    Args:
        share: of wall time once the allowance is spent, in (0, 1].
        every: record each `every`-th step instead, and let the cost be what it is.

    Attributes:
        steps: so far, of all trainings.
        spent, elapsed: seconds of recording, and of everything.
    """

    def __init__(self, share: float = 0.01, every: int | None = None) -> None:
        self.share = share
        self.every = every
        self.credit = 0.0
        self.alpha = ALPHA[1]
        self.spent = 0.0
        self.elapsed = 0.0
        self.records = 0
        self.steps = 0
        self._origin = 0  # the first step of the training that runs
        self._trainings = 1
        self._used = 0.0  # of the allowance; what the clock says of a busy machine is left out
        self._cost = 0.0  # running mean of a record's own cost
        self._recorded: deque[float] = deque(maxlen=KEPT)
        self._plain: deque[float] = deque(maxlen=KEPT)
        self._costs: deque[float] = deque(maxlen=KEPT)
        self._after: deque[float] = deque(maxlen=KEPT)  # seconds of `AFTER` steps behind a record
        self._behind: list[float] = []  # those of them that have ended
        self._recent: deque[float] = deque(maxlen=KEPT)
        self._urgent = False

    @property
    def overhead(self) -> float:
        """The recorder's own estimate of its cost as a share of the time so far."""
        return self.spent / self.elapsed if self.elapsed else 0.0

    @property
    def number(self) -> int:
        """The number of the next step within the training that runs."""
        return self.steps - self._origin

    def begin_training(self) -> None:
        """Another training begins with the next step: its first steps are recorded densely."""
        self._origin = self.steps
        self._trainings += 1

    def request(self) -> None:
        """Record the next step, on credit if need be: the loss jumped."""
        self._urgent = True

    def charge(self, seconds: float) -> None:
        """Take the cost of work outside a recorded step (the flush of the loss, say)."""
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
        self.credit += self._income(seconds)
        self._recent.append(seconds)
        if cost is None:
            self._plain.append(seconds)
            if len(self._behind) < AFTER:
                self._follow(seconds)
        else:
            self._book(seconds, cost)
        return self.is_due()

    def steps_until_record(self, most: int) -> int:
        """For how many steps to come, up to `most`, it is certain that none is recorded."""
        if self._urgent:
            return 0
        if self.every is not None:
            return min(most, -self.steps % self.every)
        return next_record(self.number - 1, self.number + most) - self.number

    def skip_steps(self, steps: int, seconds: float) -> None:
        """Account for several steps on which nothing was recorded.

        Args:
            steps: how many.
            seconds: wall time of all of them.
        """
        self.steps += steps
        self.elapsed += seconds
        self.credit += steps * self._income(seconds / steps)
        self.spent += steps * PLAIN
        self._recent.append(seconds / steps)
        self._plain.append(seconds / steps)

    def _income(self, seconds: float) -> float:
        """The credit that a step of so many seconds adds."""
        whole = self.share * seconds
        return max(whole - PLAIN, LEAST_INCOME * whole)

    def _follow(self, seconds: float) -> None:
        self._behind.append(seconds)
        if len(self._behind) == AFTER and self.records > SET_UP:
            self._after.append(sum(self._behind))

    def _book(self, seconds: float, cost: float) -> None:
        self.records += 1
        self._behind.clear()
        if self.records > SET_UP:
            self._recorded.append(seconds)
            self._costs.append(cost)
            self._cost += 0.2 * (cost - self._cost)
        else:
            self._cost = cost
        self._calibrate()
        if not self._is_forced(self.number - 1) and self._used >= self._released:
            self.credit -= self.alpha * cost
        self.spent += self.alpha * cost
        self._used += ALPHA[1] * cost

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
        weight = 1 / (1 + (error / claimed) ** 2)  # noise about as large as the cost: half
        measured = max(ALPHA[0], min(ALPHA[2], extra / claimed))
        self.alpha = weight * measured + (1 - weight) * ALPHA[1]

    @property
    def _free(self) -> bool:
        """Whether the allowance pays for another record at this stage of the run."""
        return self._used < (1 - RESERVED) * self._released

    @property
    def _released(self) -> float:
        """The seconds of the allowance that this stage of the run may have used."""
        doublings = max(0.0, math.log2(max(self.steps, 1) / FORCED))
        return ALLOWANCE * min(1.0, EARLY * (1 + doublings / 2))

    def is_due(self) -> bool:
        """Whether the next step is to be recorded."""
        if self.every is not None:
            self._urgent = False
            return self.steps % self.every == 0
        if self._is_forced(self.number):
            return True
        price = self.alpha * self._cost
        self.credit = min(self.credit, SAVINGS * price)
        if self._urgent and (self._free or self.credit > -DEBT * price):
            self._urgent = False
            return True
        level = grid_level(self.number)
        if level < record_level(self.number):
            return False
        if self._free or (level >= self._paid_level() and self.credit >= price):
            return True
        sparse = level >= record_level(self.number) + SPARSER
        return sparse and self._used < self._released

    def _is_forced(self, number: int) -> bool:
        """Whether this step of the training that runs is recorded whatever it costs."""
        return number < FORCED and self._trainings <= TRAININGS

    def _paid_level(self) -> int:
        """The grid that has as few steps as are paid for.

        A rank that can pay for more has a finer one, and this rank's steps are on it too: grids
        are nested, so what is common to all ranks is the coarsest.
        """
        income = self._income(max(median(self._recent), 1e-9))
        return math.ceil(math.log2(max(self.alpha * self._cost / income, 1.0)))


def _spread(values: deque[float]) -> float:
    """Standard error of a median, from the interquartile range (normal: 1.253 sigma/sqrt n)."""
    ordered = sorted(values)
    count = len(ordered)
    sigma = (ordered[(3 * count) // 4] - ordered[count // 4]) / 1.349
    return float(1.253 * sigma / count**0.5)
