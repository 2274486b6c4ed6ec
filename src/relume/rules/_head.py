"""Criteria and the heads they judge, brought together for the rules of the output."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from relume.core import Fact, Site, Trace
from relume.rules._evidence import number


@dataclass(frozen=True, slots=True)
class Judged:
    """A head and the criterion that judges it.

    Attributes:
        loss: the criterion's name.
        classes: how many, 0 if unknown.
        acts: names of the acts between head and criterion, last applied last.
        rows_sum_error, rows_min: of the rows that reach the criterion, None where unread.
    """

    site: Site
    step: int
    loss: str
    classes: int
    acts: tuple[str, ...]
    rows_sum_error: float | None
    rows_min: float | None


def judged_heads(trace: Trace, loss: str) -> Iterator[Judged]:
    """The heads that are judged by a criterion of that name."""
    criteria, heads = trace.facts_of("criterion"), trace.facts_of("head")
    for at, head in enumerate(heads):
        # with one head to each criterion they come in pairs; otherwise any criterion may judge it
        mine = (criteria[at],) if len(criteria) == len(heads) else criteria
        match = next((c for c in mine if c.data.get("loss") == loss), None)
        if match is not None:
            yield _judged(trace, head, match)


def _judged(trace: Trace, head: Fact, criterion: Fact) -> Judged:
    acts = list(head.data.get("acts") or ())
    layer = str(head.data.get("layer") or head.site)
    known = trace.site(layer) or Site(layer, "head", layer=layer)
    source: Mapping[str, Any] = criterion.data
    if acts and acts[-1].get("file"):
        source = acts[-1]
    file, line = str(source.get("file") or known.file), int(source.get("line") or known.line)
    return Judged(
        site=replace(known, file=file, line=line),
        step=head.step,
        loss=str(criterion.data.get("loss")),
        classes=int(number(criterion.data.get("classes")) or 0),
        acts=tuple(str(act.get("act", "")) for act in acts),
        rows_sum_error=number(head.data.get("rows_sum_error")),
        rows_min=number(head.data.get("rows_min")),
    )


def why_not(trace: Trace, loss: str) -> str | None:
    """Why no head under such a criterion could be looked at, or None where there is no such
    criterion and nothing to look for."""
    if not trace.facts_of("criterion"):
        return "the criterion was not recognised: no backward from a loss was seen"
    names = [str(c.data.get("loss")) for c in trace.facts_of("criterion")]
    if loss in names:
        return "the head before the criterion was not found"
    if set(names) == {"unknown"}:
        return "the criterion was not recognised"
    return None
