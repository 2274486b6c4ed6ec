"""Writes a verdict as one sentence, with its numbers."""

import math

from relume.core.plural import count
from relume.core.trial import Effect, Objective
from relume.trial.judge.paired_tests import FEWEST, MOST_SEEDS
from relume.trial.judge.pairs import Pairs


def sentence(
    word: str,
    size: Effect,
    pairs: Pairs,
    objective: Objective,
    more: int | None,
    why: str = "",
    *,
    exact: bool = False,
) -> str:
    """Return the verdict in one sentence; `why` says what stands against a gain."""
    ahead = f"ahead in {size.wins} of {size.pairs} pairs"
    if pairs.even and not pairs.repeats:
        ahead += f", even in {pairs.even}"
    parts = [_numbers(word, size, pairs, objective), ahead]
    arm_broken, base_broken = pairs.broken
    if arm_broken or base_broken:
        text = (
            f"the base broke down in {base_broken} of {pairs.count} runs, the arm in {arm_broken}"
        )
        if not exact and arm_broken != base_broken:
            text += f" (p = {number(size.p_holm)}, breakdowns by Fisher's exact test)"
        parts.insert(0 if len(pairs.differences) < FEWEST else 1, text)
    if pairs.repeats:
        parts.append(
            f"{pairs.repeats} more pairs repeat these to the last bit, so that the seeds change "
            "nothing and nothing can be proven by repetition"
        )
    elif word == "undecided" and more is not None:
        seeds = count(more, "more seed")
        parts.append(f"{'over ' if more >= MOST_SEEDS - size.pairs else ''}{seeds} would decide it")
    if word == "no proven gain" and size.high < pairs.least:
        parts.append(f"a gain of {number(pairs.least)}, the least worth a change, is ruled out")
    if exact:
        parts.append(f"by flipped signs p = {number(size.p_holm)}")
    if why:
        parts.append(f"but {why}")
    text = "; ".join(part for part in parts if part)
    return text[:1].upper() + text[1:] + "."


def _numbers(word: str, size: Effect, pairs: Pairs, objective: Objective) -> str:
    if not pairs.differences:
        return ""
    claimed = {"proven": "better", "better on training only": "better", "worse": "worse"}.get(word)
    mean = abs(size.mean) if claimed else size.mean
    unit = f"{number(mean)} of {objective.name}" if objective.name else number(mean)
    claim = f"{claimed} by {unit}" if claimed else f"a difference of {unit}"
    if not math.isfinite(size.low):
        return f"{claim} in one pair"
    ends = (size.low, size.high) if word != "worse" else (-size.high, -size.low)
    return f"{claim} on average (95 % interval {number(ends[0])} to {number(ends[1])})"


def number(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:.3g}"
