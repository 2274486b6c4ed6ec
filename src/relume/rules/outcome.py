"""Judges how a run fared by its loss alone, before any symptom is read (law 8 in docs/laws.md).

The loss is compared with three things: where it started, the loss of the best constant guess
(chance, where the criterion tells it), and its own noise from batch to batch, taken from second
differences so that a trend does not count as noise. Means of many steps are compared, never two
steps. Where the noise is too great for the steps there were, the answer is ``too-short``.

`GAIN` is measured (`benchmarks/outcome.py`: 44 networks on digits under SGD and Adam at rates from
1e-7 to 30): those with an accuracy above 0.5 on fresh examples ended at least 0.10 of chance below
it, those below 0.2 at most 0.02, and none of either kind was called the other. The other numbers
that name no source (`FALLING`, `NOISE_LIMIT`, `LOST`, `KNOWN`, `SWING`, `ABOVE`) are reasoned, not
measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Fact, Outcome, Series, Trace, Value
from relume.core.finding import FARES_BADLY
from relume.core.loss_stride import loss_stride
from relume.rules.alternating_losses import DIVERGED, FAILING, UNBOUNDED, alternating_outcome
from relume.rules.series_tools import is_recorded, number

if TYPE_CHECKING:
    from relume.core import Floats, Ints

FEWEST = 10  # steps: below that two ends of five steps each cannot be compared
FEW = 50  # steps: a flat loss over fewer may be a warm-up, so it is not called stalled
GAIN = 0.05  # of the reference: benchmarks/outcome.py; class imbalance moves chance by as much
FALLING = 0.01  # of the scale, from the third to the fourth quarter: less is flat to the eye
LOW = 0.2  # of chance: a loss below that is learned (page of ACT601)
ERRORS = 3.0  # standard errors that a difference must exceed: 1 in 370 by luck
NOISE_LIMIT = 0.25  # of the scale: with a wider interval than that nothing can be said
LOST = 0.5  # of what had been gained: more than half of it gone is no late wobble
KNOWN = 0.8  # of chance: a start below that is a trained network
SWING = 0.2  # of the scale: the least amplitude of an oscillation
BOUNCE = -0.7  # lag-1 correlation: noise has 0 +- 0.2 over 25 steps, a period of two has -1
LAST = 5  # steps: the median of five is past two wild batches
CROSSINGS = 4  # of its own level, over twenty blocks: a single bump has two
IN_TURN = 1.5  # backward passes a step: one loss takes one (or many, with a single optimiser)
ABOVE = 0.75  # of the later half's steps: around its median half of them lie above
WHOLE = 0.9  # of the even grid that must be there
# The targets of healthy public programs of reinforcement learning (benchmarks/programs.py) moved by
# 1.03 to 31 deviations. Fixed ones (benchmarks/ordered.py) moved by at most 0.97 where nearly
# shuffled, and in order by up to 34, but came back to the bit with the second epoch; one
# epoch in order, or a trend, counts as moving.
DRIFT = 1.0  # deviations within a batch
COMES_BACK = (
    0.1  # of different late targets: all of fixed ones over three epochs, none of the moving
)
BLOCKS = 20  # pieces into which a course is cut; each then holds at least a step


@dataclass(frozen=True, slots=True)
class LossCourse:
    """A loss in a few numbers; differences come with their standard error."""

    count: int
    span: int
    first: float
    start: float
    end: float
    best: float
    best_step: int
    chance: float | None
    reference: float
    scale: float
    noise: float
    error: float
    recent: float
    recent_error: float
    above: float
    swings: bool
    late: float
    late_error: float

    @property
    def gain(self) -> float:
        """How far below the reference it ended, as a share of the scale."""
        return (self.reference - self.end) / self.scale

    @property
    def gained(self) -> bool:
        """Whether it ended below the reference by more than noise and by more than a trifle."""
        return self.gain > GAIN and self.reference - self.end > ERRORS * self.error

    @property
    def no_better_than_chance(self) -> bool:
        """It ended where the best constant guess stands, or above: it has not learned."""
        return self.chance is not None and self.end >= self.chance

    @property
    def falling(self) -> bool:
        """Whether it still falls."""
        return self.recent > max(FALLING * self.scale, ERRORS * self.recent_error)

    @property
    def stays_above(self) -> bool:
        """Whether it ended no better than it began, with nearly every late step above the
        reference: noise then hides no progress, and a fall from its own summit is none."""
        return self.above >= ABOVE and self.end > self.first

    @property
    def flat_late(self) -> bool:
        """Whether it is flat and gained nothing over the whole later half (a flat loss may be
        averaged over it), where noise could not hide a quarter of the way down."""
        gain = self.reference - self.late
        most = gain + ERRORS * self.late_error
        return not self.falling and gain <= GAIN * self.scale and most < NOISE_LIMIT * self.scale

    @property
    def gave_up(self) -> bool:
        """Whether it had been clearly better before, and gave up most of that."""
        had = self.reference - self.best
        gone = self.end - self.best
        return had > 2 * GAIN * self.scale and gone > max(LOST * had, 2 * ERRORS * self.error)

    def numbers(self) -> dict[str, Value]:
        """The numbers of an `Outcome`."""
        return {
            "steps": self.span,
            "start": self.start,
            "end": self.end,
            "best": self.best,
            "best_step": self.best_step,
            "chance": self.chance,
            "noise": self.noise,
        }


def even(series: Series) -> Series:
    """The losses at even distances, so that no stretch of the run counts more than another.

    The recorder reads every loss at first and then at strides that double; near recorded steps it
    may read more. A series of another making, with too few points on the grid, is left as it is.
    """
    if len(series) < 2:
        return series
    stride = loss_stride(int(series.steps[-1] - series.steps[0]))
    on_grid = (series.steps - series.steps[0]) % stride == 0
    expected = int(series.steps[-1] - series.steps[0]) // stride + 1
    if stride == 1 or on_grid.sum() < WHOLE * expected:
        return series
    return Series(series.steps[on_grid], series.values[on_grid])


def judge(trace: Trace) -> Outcome:
    """Return the outcome of a run."""
    series = trace.series("", "loss")
    if series is None or not len(series):
        failed = next(iter(trace.facts_of("failed-step")), None)
        why = "nothing called backward() on a scalar" if failed is None else "the step raised"
        return Outcome("no-loss", f"No loss was seen: {why}.")
    if len(trace.facts_of("turn")) > 1:
        return alternating_outcome(
            trace,
            lambda one, first: _judge_loss(
                one, _chance(trace) if first else None, _drift(trace) if first else 0.0
            ),
        )
    if not is_recorded(trace, "turn"):  # a recorder that put all losses into one series
        turns = _non_finite(series.steps, series.values) or _several_losses(trace)
        if turns is not None:
            return turns
    return _judge_loss(series, _chance(trace), _drift(trace))


def judge_losses(losses: Sequence[tuple[int, float]]) -> Outcome:
    """Return the outcome of (step, loss) where nothing else of the run is known, chance included:
    what it began with is then the reference."""
    if not losses:
        return Outcome("no-loss", "No loss was seen.")
    steps = np.array([step for step, _ in losses], dtype=np.int64)
    return _judge_still(Series(steps, np.array([loss for _, loss in losses])), None)


def _judge_loss(series: Series, chance: float | None, drift: float = 0.0) -> Outcome:
    """Return the outcome by one loss.

    Args:
        series: the loss.
        chance: the loss of the best constant guess; None where it is not known.
        drift: how far its targets have moved, in their deviations within a batch; infinite under a
            policy gradient.
    """
    outcome = _judge_still(series, chance)
    failed = outcome.name in FAILING and "first_nonfinite" not in outcome.numbers
    start, end = (number(outcome.numbers.get(name)) for name in ("start", "end"))
    if not failed or drift < DRIFT or start is None or end is None:
        return outcome
    if end > UNBOUNDED * max(start, 1.0):
        return outcome
    path = f"the loss went from {start:.4g} to {end:.4g}"
    if drift == math.inf:
        text = (
            f"Not judged: {path}, and a part of it weighs rows by both signs (a policy gradient): "
        )
        return Outcome(
            "signed", f"{text}how well the policy does it does not tell.", outcome.numbers
        )
    text = f"Not judged: {path}, and its targets moved by "
    text += f"{drift:.2g} of their own deviations, as they do in reinforcement learning: a loss "
    return Outcome(
        "moving-targets", text + "that rises or stays then says nothing.", outcome.numbers
    )


def _judge_still(series: Series, chance: float | None) -> Outcome:
    """Return the outcome by one loss, as if its targets stayed where they are."""
    broken = _non_finite(series.steps, series.values)
    if broken is not None:
        return broken
    series = even(series)
    keep = np.isfinite(series.values)
    if int(keep.sum()) < FEWEST:
        return _judge_short(series.values[keep], chance)
    if chance is None and float(series.values[keep].min()) < 0:
        return _judge_signed(series.steps[keep], series.values[keep])
    return _classify(_course(series.steps[keep], series.values[keep], chance))


def _judge_signed(steps: "Ints", values: "Floats") -> Outcome:
    """Return the outcome of a loss that takes negative values and has no floor that is known.

    Ratios mean nothing there (a policy gradient, a critic's loss): the loss tells only of a fall
    without end.
    """
    start, end = _level(values[:LAST]), _level(values[-LAST:])
    span = int(steps[-1] - steps[0]) + 1
    numbers: dict[str, Value] = {"steps": span, "start": start, "end": end, "chance": None}
    path = f"the loss went from {start:.4g} to {end:.4g} in {span} steps"
    if end < -UNBOUNDED * max(abs(start), 1.0):
        return Outcome("diverged", f"Diverged: {path}. It falls without a floor.", numbers)
    text = f"Not judged: {path}. A loss of both signs does not tell how well the run does."
    return Outcome("signed", text, numbers)


def learned_loss_share(trace: Trace) -> float | None:
    """Return the loss over its reference where it is so low that small gradients do no harm."""
    numbers = judge(trace).numbers
    end = number(numbers.get("end"))
    reference = number(numbers.get("chance")) or number(numbers.get("start"))
    if end is None or reference is None or reference <= 0:
        return None
    return end / reference if end <= LOW * reference else None


def _several_losses(trace: Trace) -> Outcome | None:
    """Return no verdict where several losses are minimised in turn (a GAN) in one series."""
    optimizers, steps, calls = (
        number(trace.meta.get(name)) or 0.0 for name in ("optimizers", "steps", "backwards")
    )
    if optimizers < 2 or steps <= 0 or calls < IN_TURN * steps:
        return None
    text = (
        f"Not judged: {optimizers:.0f} optimisers take turns with {calls / steps:.1f} backward "
        "passes a step, as in a GAN, so no single loss tells how the run fares."
    )
    return Outcome("several-losses", text, {"optimizers": optimizers, "backwards": calls})


def _chance(trace: Trace) -> float | None:
    values = [number(fact.data.get("chance")) for fact in trace.facts_of("criterion")]
    known = [value for value in values if value is not None and value > 0]
    # several criteria are summed with weights that only the user knows: no chance value then
    return known[0] if len(known) == len(values) == 1 else None


def _comes_back(fact: Fact) -> bool:
    """Whether targets are met again in a later epoch: those of data in order do not move."""
    return (number(fact.data.get("target_returns")) or 0.0) >= COMES_BACK


def targets_move(trace: Trace) -> bool:
    """Whether the targets of the loss have moved, or it holds a policy gradient."""
    return _drift(trace) >= DRIFT


def _drift(trace: Trace) -> float:
    """How far the targets have moved; infinite where rows are weighed by both signs."""
    if any(fact.data.get("signed_weights") for fact in trace.facts_of("criterion")):
        return math.inf
    moving = (f for f in trace.facts_of("criterion") if not _comes_back(f))
    values = [number(fact.data.get("target_drift")) for fact in moving]
    return max((value for value in values if value is not None), default=0.0)


def near_guessing(outcome: Outcome) -> bool:
    """Whether a run fares badly, or ends little below what guessing gives."""
    if outcome.name in FARES_BADLY:
        return True
    end, chance = (number(outcome.numbers.get(name)) for name in ("end", "chance"))
    return end is not None and chance is not None and end > KNOWN * chance


def _non_finite(steps: "Ints", values: "Floats") -> Outcome | None:
    finite = np.isfinite(values)
    tail = finite[-max(1, len(values) // 10) :]
    if bool(finite[-1]) and tail.mean() > 0.5:
        return None  # a step that a gradient scaler skipped, not an end
    first = int(steps[int(np.argmin(finite))])
    start = float(values[0])
    text = f"Diverged: the loss is not a finite number from step {first} on"
    text += f" (it began at {start:.4g})." if np.isfinite(start) else "."
    return Outcome("diverged", text, {"start": start, "first_nonfinite": first})


def _judge_short(values: "Floats", chance: float | None) -> Outcome:
    count, start, end = len(values), float(values[0]), float(values[-1])
    numbers: dict[str, Value] = {"steps": count, "start": start, "end": end, "chance": chance}
    if end > DIVERGED * max(start, chance or 0.0) > 0:
        text = f"Diverged: the loss rose from {start:.4g} to {end:.4g} in {count} steps."
        return Outcome("diverged", text, numbers)
    steps = "1 step" if count == 1 else f"{count} steps"
    text = f"Too short to judge: {steps}, the loss went from {start:.4g} to {end:.4g}."
    return Outcome("too-short", text, numbers)


def _course(steps: "Ints", values: "Floats", chance: float | None) -> LossCourse:
    n = len(values)
    noise = _noise(values)
    head, tail, quarter = max(1, min(5, n // 20)), max(5, n // 10), n // 4
    start, end = _level(values[:head]), _level(values[-tail:])
    # an explosion in the last steps is the minority of the tail, and must not be averaged away
    last = float(np.median(values[-LAST:]))
    end = last if last > DIVERGED * max(start, chance or 0.0) > 0 else end
    blocks = np.array_split(np.arange(n), BLOCKS if n >= 2 * BLOCKS else n // 2)
    means = np.array([_level(values[block]) for block in blocks])
    best = int(np.argmin(means))
    near = ERRORS * noise / np.sqrt(head)
    by_chance = chance is not None and start > chance * (1 - GAIN) - near
    reference = chance if chance is not None and by_chance else start
    scale = reference if reference > 0 and end >= 0 else float(np.ptp(means)) or 1.0
    return LossCourse(
        count=n,
        span=int(steps[-1] - steps[0]) + 1,
        first=float(values[0]),
        start=start,
        end=end,
        best=float(means[best]),
        best_step=int(steps[blocks[best][-1]]),
        chance=chance,
        reference=reference,
        scale=scale,
        noise=noise,
        error=noise * float(np.sqrt(1 / tail + (0 if by_chance else 1 / head))),
        recent=_level(values[-2 * quarter : -quarter]) - _level(values[-quarter:]),
        recent_error=noise * float(np.sqrt(2 / quarter)),
        above=float(np.mean(values[-(n // 2) :] > reference * (1 + GAIN))) if scale > 0 else 0.0,
        swings=_swings(values[-(n // 2) :], noise, scale),
        late=_level(values[-(n // 2) :]),
        late_error=noise * float(np.sqrt(2 / n + (0 if by_chance else 1 / head))),
    )


def _level(values: "Floats") -> float:
    """The mean, with single wild steps pulled in to six robust deviations from the median."""
    middle = float(np.median(values))
    spread = 6 * 1.4826 * float(np.median(np.abs(values - middle)))
    if spread == 0:
        return middle if len(values) > 2 else float(values.mean())
    return float(np.clip(values, middle - spread, middle + spread).mean())


def _noise(values: "Floats") -> float:
    """Standard deviation from batch to batch, from second differences (variance 6 of noise 1)."""
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    return 1.4826 * float(np.median(np.abs(second))) / float(np.sqrt(6))


def _swings(late: "Floats", noise: float, scale: float) -> bool:
    """Whether it goes up and down around a level by more than minibatch noise."""
    x = np.arange(len(late))
    around = late - np.polyval(np.polyfit(x, late, 1), x)
    spread = float(around.std())
    if spread < SWING * scale / 2 or len(late) < 2 * BLOCKS:
        return False
    if float(np.mean(around[1:] * around[:-1])) / spread**2 < BOUNCE:
        return True
    means = np.array([block.mean() for block in np.array_split(around, BLOCKS)])
    wide = float(np.quantile(means, 0.9) - np.quantile(means, 0.1))
    expected = 2.56 * noise / float(np.sqrt(len(late) / BLOCKS))  # 80 % of a normal spread
    crossings = int(np.sum(np.diff(np.sign(means)) != 0))
    return wide > max(SWING * scale, ERRORS * expected) and crossings >= CROSSINGS


def _classify(c: LossCourse) -> Outcome:
    numbers = c.numbers()
    guessing = f" (guessing gives {c.chance:.4g})" if c.chance is not None else ""
    path = f"after {c.span} steps the loss is {c.end:.4g}, from {c.start:.4g}{guessing}"

    def outcome(name: str, text: str) -> Outcome:
        return Outcome(name, f"{text}.", numbers)

    if c.end > DIVERGED * max(c.start, c.chance or 0.0) > 0:
        return outcome("diverged", f"Diverged: {path}")
    if c.swings and c.end > LOW * c.scale and not (c.gained and c.falling):
        return outcome("oscillating", f"Oscillating: {path}, and it swings by more than its noise")
    if c.gave_up:
        fell = f"It had reached {c.best:.4g} by step {c.best_step}"
        name = "diverged" if c.gain > GAIN else "stalled"
        return outcome(name, f"{name.capitalize()}: {path}. {fell}")
    if c.no_better_than_chance and c.count >= FEW:
        still = ", though it still falls" if c.falling else ""
        return outcome("stalled", f"Stalled: {path}. That is no better than guessing{still}")
    if not c.gained and (not c.falling or c.stays_above):
        return _flat_from_start(c, path, numbers)
    if c.falling or ERRORS * c.recent_error > ERRORS * FALLING * c.scale:
        return outcome("learning", f"Learning: {path}")
    if c.scale == c.reference and c.end <= LOW * c.reference:
        return outcome("converged", f"Converged: {path}")
    return outcome("plateaued", f"Plateaued: {path}, and it no longer falls")


def _flat_from_start(c: LossCourse, path: str, numbers: dict[str, Value]) -> Outcome:
    if c.chance is not None and c.end < KNOWN * c.chance:
        text = f"Plateaued: {path}. It began far below guessing and stays there."
        return Outcome("plateaued", text, numbers)
    if c.count < FEW:
        return Outcome("too-short", f"Too short to judge: {path}.", numbers)
    if ERRORS * c.error > NOISE_LIMIT * c.scale and not (c.stays_above or c.flat_late):
        text = f"Too short to judge: {path}, and its noise of {c.noise:.2g} hides any progress."
        return Outcome("too-short", text, numbers)
    return Outcome("stalled", f"Stalled: {path}. It has not learned.", numbers)
