"""Reads the facts on wiring: which parameters get a gradient, and which the optimiser holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relume.core import Severity, Trace
from relume.rules.outcome import judge, learned_loss_share
from relume.rules.series_tools import number
from relume.rules.severity_policy import FARES_BADLY

DOWNSTREAM = (
    *("ACT102", "ACT401", "ACT402", "ACT403", "ACT501", "ACT502", "ACT601", "ACT602", "ACT603"),
    *("ACT003", "ACT604", "ACT605", "ACT606", "ACT607", "ACT608", "ACT803"),
)
"""What a fault of wiring can cause: all that is measured of units, gradients and updates."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The audit of one parameter.

    Attributes:
        site: its name.
        since: the first step on which it was seen.
        data: the fact's data (`relume.core.Trace` lists the keys).
    """

    site: str
    since: int
    data: dict[str, Any]

    def count(self, name: str) -> int:
        """Return one of the counts."""
        return int(number(self.data.get(name)) or 0)

    def has(self, name: str) -> bool:
        """Return one of the flags."""
        return bool(self.data.get(name))

    @property
    def is_weight(self) -> bool:
        """Whether it has two dimensions or more: a bias or a gain has fewer."""
        return len(self.data.get("shape") or ()) >= 2

    @property
    def trains(self) -> bool:
        """Whether an optimiser holds it and a gradient reached it."""
        return self.has("held") and self.count("reached") > 0


def wires(trace: Trace) -> list[Wire]:
    """Return the audits of all parameters, in forward order as far as it is known."""
    order = {site.name: site.order for site in trace.sites}
    facts = [f for f in trace.facts_of("wiring") if "in_graph" in f.data]
    every = [Wire(f.site, f.step, dict(f.data)) for f in facts]
    return sorted(every, key=lambda wire: order.get(wire.site, len(order)))


def least(trace: Trace, count: int) -> int:
    """Return the least evidence: one pass in a check, which makes no more of them."""
    return 1 if trace.meta.get("check") else count


def by_reach(others: Sequence[Wire]) -> Severity:
    """Return an error where at most one weight is left that is not concerned: a head alone."""
    left = sum(wire.is_weight for wire in others)
    return Severity.ERROR if left <= 1 else Severity.WARNING


def by_outcome(trace: Trace) -> Severity:
    """Return an error where the run fares badly, a note where its loss is low, else a warning."""
    if judge(trace).name in FARES_BADLY:
        return Severity.ERROR
    return Severity.WARNING if learned_loss_share(trace) is None else Severity.NOTE


def named(some: Sequence[Wire]) -> str:
    """Return the first names as text.

    >>> named([Wire(f"fc{at}.weight", 0, {}) for at in range(5)])
    'fc0.weight, fc1.weight, fc2.weight, and 2 more'
    """
    weights = [wire for wire in some if wire.is_weight] or list(some)
    names = [wire.site for wire in weights[:3]]
    more = len(weights) - len(names)
    return ", ".join([*names, f"and {more} more"] if more else names)
