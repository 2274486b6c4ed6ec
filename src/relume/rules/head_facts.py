"""Pairs each head with the criterion that judges it, for the rules of the output."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from relume.core import Fact, Site, Trace
from relume.rules.series_tools import number


@dataclass(frozen=True, slots=True)
class JudgedHead:
    """A head and the criterion that judges it.

    Attributes:
        loss: the criterion's name.
        classes: how many, 0 if unknown.
        acts: names of the acts between head and criterion, last applied last.
        act_sites: the same acts as sites, with what the recording knew of each.
        rows_sum_error, rows_min: of the rows that reach the criterion, None where unread.
        direct: the criterion receives the last act's output itself, with nothing but reshapes
            between; None where that is not known.
        criterion: what is known of the criterion and its targets (see `core.Trace`).
        guards: what stands between a logarithm and the act before it: ``clamp``,
            ``renormalised``; None where that is not known or something else does.
        reach: what the last operations can give together, whatever enters them (of a softmax at the
            end: what its scores can be); None where there is one act, or that is not known.
        reach_by: these operations, the last one applied last.
        cut: the tightest limits of such clamps, None where there is none on that side.
    """

    site: Site
    step: int
    loss: str
    classes: int
    acts: tuple[str, ...]
    rows_sum_error: float | None
    rows_min: float | None
    direct: bool | None = None
    criterion: Mapping[str, Any] = field(default_factory=dict[str, Any])
    guards: tuple[str, ...] | None = None
    cut: tuple[float | None, float | None] = (None, None)
    act_sites: tuple[Site, ...] = ()
    reach: tuple[float, float] | None = None
    reach_by: tuple[str, ...] = ()

    @property
    def last(self) -> str:
        """The act whose output the criterion receives, ``""`` if there is none."""
        return self.acts[-1] if self.acts else ""

    @property
    def last_act(self) -> Site:
        """The act whose output the criterion receives, as a site; open where there is none."""
        return self.act_sites[-1] if self.act_sites else Site("", "act")

    def target(self, name: str) -> float | None:
        """A recorded number of the targets: ``min``, ``max``, ``distinct``, ``ones_max``."""
        return number(self.criterion.get(f"target_{name}"))


def judged_heads(trace: Trace, *losses: str) -> Iterator[JudgedHead]:
    """Yield the heads under a criterion of one of these names (of any, if none is given)."""
    criteria, heads = trace.facts_of("criterion"), trace.facts_of("head")
    for at, head in enumerate(heads):
        # with one head to each criterion they come in pairs; otherwise any criterion may judge it
        mine = (criteria[at],) if len(criteria) == len(heads) else criteria
        match = next((c for c in mine if not losses or c.data.get("loss") in losses), None)
        if match is not None:
            yield _judged(trace, head, match)


def _judged(trace: Trace, head: Fact, criterion: Fact) -> JudgedHead:
    acts = list(head.data.get("acts") or ())
    layer = str(head.data.get("layer") or head.site)
    known = trace.site(layer) or Site(layer, "head", layer=layer)
    source: Mapping[str, Any] = criterion.data
    if acts and acts[-1].get("file"):
        source = acts[-1]
    file, line = str(source.get("file") or known.file), int(source.get("line") or known.line)
    return JudgedHead(
        site=replace(known, file=file, line=line),
        step=head.step,
        loss=str(criterion.data.get("loss")),
        classes=int(number(criterion.data.get("classes")) or 0),
        acts=tuple(str(act.get("act", "")) for act in acts),
        rows_sum_error=number(head.data.get("rows_sum_error")),
        rows_min=number(head.data.get("rows_min")),
        direct=_direct(head, criterion),
        criterion=criterion.data,
        guards=None if head.data.get("guarded") is None else tuple(head.data["guarded"]),
        cut=_cut(acts),
        reach=_reach(head.data.get("reach")),
        reach_by=tuple(map(str, head.data.get("reach_by") or (a.get("act", "") for a in acts))),
        act_sites=tuple(Site.of_act(str(a.get("act", "")), a.get("traits")) for a in acts),
    )


def _reach(limits: Any) -> tuple[float, float] | None:
    if limits is None or len(limits) != 2:
        return None
    low, high = (number(limit) for limit in limits)
    return (-math.inf if low is None else low), (math.inf if high is None else high)


def _cut(acts: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    lows, highs = ([number(act.get(side)) for act in acts] for side in ("low", "high"))
    low = max((value for value in lows if value is not None), default=None)
    return low, min((value for value in highs if value is not None), default=None)


def _direct(head: Fact, criterion: Fact) -> bool | None:
    direct = head.data.get("direct")
    if isinstance(direct, bool):
        return direct
    # older recordings read these criteria's rows from the act only where nothing stands between
    read = head.data.get("rows_sum_error") is not None
    return True if read and criterion.data.get("loss") in ("cross_entropy", "nll") else None


def missing_reason(trace: Trace, *losses: str) -> str | None:
    """The reason why no head under such a criterion was read, or None where the run has no such
    criterion."""
    if not trace.facts_of("criterion"):
        return "the criterion was not recognised: no backward from a loss was seen"
    names = [str(c.data.get("loss")) for c in trace.facts_of("criterion")]
    if not losses or set(losses) & set(names):
        return "the head before the criterion was not found"
    if set(names) == {"unknown"}:
        return "the criterion was not recognised"
    return None


def in_words(operations: Sequence[str]) -> str:
    """Operations as they are read, the last one first: "10 times the sigmoid of abs"."""
    text = ""
    for operation in operations:
        joint = " the " if operation.endswith(" times") else " of "
        text = f"{operation}{joint if text else ''}{text}"
    return text
