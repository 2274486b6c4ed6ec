"""How a run fares whose optimisers step in turn, each with a loss of its own.

Losses that depend on different parameters are judged one by one, and the worst decides. Where one
model's loss goes through the other model, as in a GAN, what is won by one may be lost by the other:
a loss that does not fall is then no failure, and one that falls to nothing is no success. Such a
pair is in balance until one loss is gone while the other has risen. Measured on small GANs
(`benchmarks/adversaries.py`): in the healthy ones both losses end within 0.9 to 1.1 of where they
began; where one side wins, its loss ends below 0.15 of that and the other's above 3.1.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from relume.core import Fact, Outcome, Trace
from relume.rules._evidence import number

if TYPE_CHECKING:
    from relume.core import Series

WON = 0.2  # of its start: the loss of a side that wins ends below that (see above)
LOSING = 2.0  # times its start: the other's ends above that
WORST_FIRST = ("diverged", "stalled", "oscillating", "plateaued", "too-short", "learning")


def in_turn(trace: Trace, judge: Callable[["Series", bool], Outcome]) -> Outcome:
    """The outcome of all losses together.

    Args:
        trace: with two ``turn`` facts or more.
        judge: of one loss, and whether it is the first, to which the criterion belongs.
    """
    found: dict[str, Outcome] = {}
    facts = trace.facts_of("turn")
    for fact in facts:
        series = trace.series("", str(fact.data["loss"]))
        if series is not None and len(series):
            outcome = judge(series, fact is facts[0])
            numbers = {**outcome.numbers, "series": str(fact.data["loss"])}
            found[_called(fact, facts)] = Outcome(outcome.name, outcome.text, numbers)
    if not any(fact.data.get("reaches") for fact in facts):
        return _worst(found)
    return _against(found)


def _called(fact: Fact, facts: tuple[Fact, ...]) -> str:
    model = str(fact.data.get("model") or "")
    alone = [str(f.data.get("model") or "") for f in facts].count(model) == 1
    return model if model and alone else str(fact.data["loss"])


def _worst(found: Mapping[str, Outcome]) -> Outcome:
    """Losses that have nothing to do with each other: the worst decides, the others are told."""
    order = {name: place for place, name in enumerate(WORST_FIRST)}
    worst = min(found, key=lambda name: order.get(found[name].name, len(order)))
    others = "; ".join(f"{n} is {o.name}" for n, o in found.items() if n != worst)
    outcome = found[worst]
    text = f"{outcome.text.rstrip('.')} (of {worst}; {others})." if others else outcome.text
    return Outcome(outcome.name, text, outcome.numbers)


def _against(found: Mapping[str, Outcome]) -> Outcome:
    names = {outcome.name for outcome in found.values()}
    if len(names) == 1 or "diverged" in names or names <= {"learning", "converged"}:
        alike = names <= {"diverged", "learning", "converged", "too-short", "no-loss"}
        if alike or "diverged" in names:
            return _worst(found)
    told = [f"of {name} went from {_path(outcome)}" for name, outcome in found.items()]
    paths = f"the loss {', that '.join(told)}"
    first = next(iter(found.values()))
    both = " and ".join(found)
    ratios = {n: r for n, o in found.items() if (r := _ratio(o)) is not None}
    winner = next((n for n, r in ratios.items() if r <= WON), None)
    loser = max(ratios, key=lambda name: ratios[name], default=None)
    if winner is not None and loser is not None and ratios[loser] >= LOSING:
        text = f"One-sided: {winner} wins against {loser}, which has little left to learn from: "
        return Outcome("one-sided", f"{text}{paths}.", found[loser].numbers)
    text = f"In balance: {both} are trained against each other and neither wins: "
    return Outcome("balanced", f"{text}{paths}. How well they do no loss tells.", first.numbers)


def _path(outcome: Outcome) -> str:
    start, end = (number(outcome.numbers.get(name)) for name in ("start", "end"))
    return "?" if start is None or end is None else f"{start:.4g} to {end:.4g}"


def _ratio(outcome: Outcome) -> float | None:
    start, end = (number(outcome.numbers.get(name)) for name in ("start", "end"))
    return end / start if start is not None and end is not None and start > 0 else None
