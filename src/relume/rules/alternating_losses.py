"""Judges a run whose optimisers step in turn, each with its own loss.

Losses that depend on different parameters, and those of an actor and its critic, are judged one by
one, and the worst decides; a loss that does not tell then leaves the whole undecided. Where one
model's loss goes through the other model and against it, as in a GAN, what is won by one may be
lost by the other: a loss that does not fall, that rises again or rises tenfold, is then no failure,
and one that falls to zero is no success. Such a pair is in balance until one loss is gone, or is
far down while the other has risen and does not come back.

Measured on small GANs whose makers are judged by what they make (`benchmarks/adversaries.py`):
where the maker learned, the judge's loss ended at 0.29 of its start or above, or the maker's loss,
which had risen up to twelvefold, had come back from its summit by 0.08 of that rise or more from
step 240 on, and the maker learned later. Where it never did, the judge's loss ended below 0.2 of
its start and the maker's above 3.1 times, at most 0.025 of its rise below its summit.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Fact, Outcome, Trace
from relume.rules.series_tools import number

if TYPE_CHECKING:
    from relume.core import Series

DIVERGED = 10.0  # times its start, or chance (page of ACT602)
WON = 0.2  # of its start: the loss of a side that wins ends below that (see above)
GONE = 0.01  # of its start: a twentieth of where any judge ended whose maker never learned
LOSING = 2.0  # times its start: the other's ends above that
RECOVERED = 0.05  # of its rise: a loss that has come down by more is not lost (see above)
BLOCKS = 20  # into which a loss is cut to find its summit
UNBOUNDED = 1e3  # times its start, or 1: a loss without a floor has then run away
UNTOLD = ("signed", "moving-targets")  # outcomes of losses that do not tell
FAILING = ("diverged", "stalled", "oscillating")
WORST_FIRST = ("diverged", "stalled", "oscillating", "plateaued", "too-short", "learning")


def alternating_outcome(trace: Trace, judge: Callable[["Series", bool], Outcome]) -> Outcome:
    """Return the outcome of all losses together.

    Args:
        trace: with two ``turn`` facts or more.
        judge: gives the outcome of one loss; its second argument says whether the loss is the
            first, to which the criterion belongs.
    """
    outcomes: dict[str, Outcome] = {}
    losses: dict[str, Series] = {}
    facts = trace.facts_of("turn")
    for fact in facts:
        series = trace.series("", str(fact.data["loss"]))
        if series is not None and len(series):
            outcome = _of_actor(judge(series, fact is facts[0]), fact, facts)
            numbers = {**outcome.numbers, "series": str(fact.data["loss"])}
            name = _loss_name(fact, facts)
            losses[name] = series
            outcomes[name] = Outcome(outcome.name, outcome.text, numbers)
    if not _opposed(facts):
        return _worst(outcomes)
    return _judge_opponents(outcomes, losses)


def _of_actor(outcome: Outcome, fact: Fact, facts: tuple[Fact, ...]) -> Outcome:
    """Return the outcome of an actor's loss, which is what its critic says, as one of no floor.

    It rises as the critic learns how little is to be won, be it always above zero or not.
    """
    through = set(fact.data.get("reaches") or ()) & _regressing(facts)
    start, end = (number(outcome.numbers.get(name)) for name in ("start", "end"))
    if fact.data.get("scored", True) or not through or outcome.name not in FAILING:
        return outcome
    if start is None or end is None or abs(end) > UNBOUNDED * max(abs(start), 1.0):
        return outcome
    text = f"Not judged: the loss went from {start:.4g} to {end:.4g}. It is what a critic says, "
    return Outcome("signed", text + "which does not tell how well the run does.", outcome.numbers)


def _regressing(facts: tuple[Fact, ...]) -> set[str]:
    """Return the series of the losses that are distances to targets of many values."""
    return {str(fact.data["loss"]) for fact in facts if fact.data.get("regresses")}


def _opposed(facts: tuple[Fact, ...]) -> bool:
    """Whether a loss works against another one, through the other's model.

    An actor's loss goes through its critic and does not work against it: the critic learns to
    foretell what comes, a distance to targets of many values.
    """
    regressing = _regressing(facts)
    return any(set(fact.data.get("reaches") or ()) - regressing for fact in facts)


def _loss_name(fact: Fact, facts: tuple[Fact, ...]) -> str:
    model = str(fact.data.get("model") or "")
    alone = [str(f.data.get("model") or "") for f in facts].count(model) == 1
    return model if model and alone else str(fact.data["loss"])


def _worst(outcomes: Mapping[str, Outcome], every: Mapping[str, Outcome] | None = None) -> Outcome:
    """Return the worst outcome of independent losses; its text names the others of them all."""
    order = {name: place for place, name in enumerate(WORST_FIRST)}
    worst = min(outcomes, key=lambda name: order.get(outcomes[name].name, len(order)))
    others = "; ".join(f"{n} is {o.name}" for n, o in (every or outcomes).items() if n != worst)
    outcome = outcomes[worst]
    text = f"{outcome.text.rstrip('.')} (of {worst}; {others})." if others else outcome.text
    untold = next((n for n, o in outcomes.items() if o.name in UNTOLD), None)
    if untold not in (None, worst) and outcome.name not in FAILING:
        return _worst({n: o for n, o in outcomes.items() if o.name in UNTOLD}, outcomes)
    return Outcome(outcome.name, text, outcome.numbers)


def _judge_opponents(outcomes: Mapping[str, Outcome], losses: Mapping[str, "Series"]) -> Outcome:
    """Return the outcome of losses of which one may win what another loses."""
    names = {outcome.name for outcome in outcomes.values()}
    if names <= {"learning", "converged"} or names in ({"too-short"}, {"no-loss"}):
        return _worst(outcomes)
    if any("first_nonfinite" in outcome.numbers for outcome in outcomes.values()):
        return _worst(outcomes)
    parts = [f"of {name} went from {_path(outcome)}" for name, outcome in outcomes.items()]
    paths = f"the loss {', that '.join(parts)}"
    first = next(iter(outcomes.values()))
    both = " and ".join(outcomes)
    # zero is where a loss is won only if it is a floor: a loss of both signs has none
    floored = [name for name, series in losses.items() if not np.nanmin(series.values) < 0]
    ratios = {name: r for name in floored if (r := _ratio(outcomes[name])) is not None}
    gone = next((n for n, r in ratios.items() if r <= GONE), None)
    if gone is not None:
        text = f"One-sided: the loss of {gone} is gone, so the other side has nothing left to "
        return Outcome("one-sided", f"{text}learn from: {paths}.", outcomes[gone].numbers)
    if "signed" in names:  # an actor's gain, a critic of Wasserstein's: ratios mean nothing
        text = f"Not judged: {paths}; losses of both signs do not tell how well the run does."
        return Outcome("signed", text, first.numbers)
    winner = next((n for n, r in ratios.items() if r <= WON), None)
    loser = max(ratios, key=lambda name: ratios[name], default=None)
    if winner is not None and loser is not None and ratios[loser] >= LOSING:
        recovered = _share_recovered(
            losses[loser], number(outcomes[loser].numbers.get("start")) or 0.0
        )
        if recovered <= RECOVERED:
            text = f"One-sided: {winner} wins against {loser}, which has little left to learn from"
            return Outcome("one-sided", f"{text}: {paths}.", outcomes[loser].numbers)
        text = f"In balance: {winner} was far ahead of {loser}, whose loss has come down again by "
        text += f"{recovered:.0%} of its rise: {paths}. How well they do no loss tells."
        return Outcome("balanced", text, first.numbers)
    exploded = [name for name, ratio in ratios.items() if ratio > DIVERGED]
    if exploded:
        return _worst({name: outcomes[name] for name in (*exploded, *outcomes)})
    text = f"In balance: {both} are trained against each other and neither wins: "
    return Outcome("balanced", f"{text}{paths}. How well they do no loss tells.", first.numbers)


def _share_recovered(series: "Series", start: float) -> float:
    """Return how far a loss has come down from its summit, as a share of its rise."""
    blocks = np.array_split(series.values, min(BLOCKS, len(series)))
    means = np.array([np.nanmean(block) for block in blocks])
    top = float(means.max())
    return (top - float(means[-2:].mean())) / (top - start) if top > start else 0.0


def _path(outcome: Outcome) -> str:
    """Return the start and the end of a loss as text."""
    start, end = (number(outcome.numbers.get(name)) for name in ("start", "end"))
    return "?" if start is None or end is None else f"{start:.4g} to {end:.4g}"


def _ratio(outcome: Outcome) -> float | None:
    """Return the end of a loss over its start."""
    start, end = (number(outcome.numbers.get(name)) for name in ("start", "end"))
    return end / start if start is not None and end is not None and start > 0 else None
