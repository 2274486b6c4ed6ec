"""What a script prints of rows that it does not train on, where its training loss looks fine.

A network that learns its rows by heart, or that was given the labels of other rows, has a training
loss as good as any. Of a number that the script prints (``val acc 0.11``) three things speak
against "fine": it ends no better than guessing, it ends worse than it began, or a loss ends at more
than twice its least value. A score counts before a loss: a network that is sure of its few mistakes
has a high loss. Twice is reasoned: held-out losses of well-stopped runs rise by less.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relume.core import NEW_ROWS, Fact, Outcome, Trace
from relume.rules.series_tools import number

RISE = 2.0  # times its least value: a held-out loss that ends higher has left it (reasoned)
BETTER = 0.05  # a share counts as better than guessing from there on (reasoned: noise of 400 rows)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A number on held-out rows, as the script printed it.

    Attributes:
        name: ``"val acc"``.
        values: in the order in which they were printed, finite or not.
        less: less is better.
        share: it ends at 1; one in per cent was divided by 100.
    """

    name: str
    values: Sequence[float]
    less: bool
    share: bool

    @classmethod
    def of(cls, fact: Fact) -> "HeldOut | None":
        """Read a fact; None where it holds no number."""
        given = fact.data.get("values")
        values = [v for one in given if (v := number(one)) is not None] if given else []
        if not values:
            return None
        share = bool(fact.data.get("share")) and "r2" not in str(fact.data.get("name")).lower()
        top = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
        if share and top > 1:
            values = [v / 100 for v in values]
        return cls(str(fact.data.get("name")), values, fact.data.get("better") == "min", share)

    @property
    def end(self) -> float:
        """The last value."""
        return self.values[-1]


def held_out_numbers(trace: Trace) -> list[HeldOut]:
    """The numbers on held-out rows: scores if there are any, or else losses."""
    read = [one for fact in trace.facts_of("held-out") if (one := HeldOut.of(fact)) is not None]
    return [one for one in read if not one.less] or read


def of_new_rows(trace: Trace, outcome: Outcome) -> Iterator[str]:
    """Yield why what is printed of held-out rows leaves open whether the run is fine."""
    for one in held_out_numbers(trace):
        why = _against(trace, outcome, one)
        if why:
            yield f"{NEW_ROWS}: the printed {one.name} {why}"
            return


def _against(trace: Trace, outcome: Outcome, one: HeldOut) -> str:
    end, first = one.end, one.values[0]
    if not math.isfinite(end):
        return f"ends at {end:.3g}"
    guess = _guess(trace, outcome, one)
    if guess is not None and (end >= guess if one.less else end <= guess + BETTER):
        return f"ends at {end:.3g}, and guessing gives {guess:.3g}"
    if len(one.values) < 2 or not math.isfinite(first):
        return ""
    if one.less:
        finite = [value for value in one.values if math.isfinite(value)]
        if end > first:
            return f"is worse at its end, {end:.3g}, than at its start, {first:.3g}"
        if end > RISE * min(finite) > 0:
            return f"rises from {min(finite):.3g} to {end:.3g}"
    elif end < first - (BETTER if one.share else 0.0):
        return f"is worse at its end, {end:.3g}, than at its start, {first:.3g}"
    return ""


def _guess(trace: Trace, outcome: Outcome, one: HeldOut) -> float | None:
    """What the best constant guess gives, where that is known: of an accuracy by the number of
    classes, of R2 by definition, of a loss as of the training's."""
    words = set(one.name.lower().split())
    if words & {"r2"}:
        return -BETTER  # the mean of the held-out rows has 0
    if words & {"acc", "accuracy", "top1"}:
        classes = [number(fact.data.get("classes")) for fact in trace.facts_of("criterion")]
        known = [c for c in classes if c is not None and c > 1]
        return 1 / max(known) if known else None
    chance = number(outcome.numbers.get("chance"))
    end = number(outcome.numbers.get("end"))
    if not one.less or "loss" not in words or chance is None or end is None:
        return None
    return chance if end < chance else None
