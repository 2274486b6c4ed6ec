"""Counts the silenced findings, so that every report mentions them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from relume.core import Diagnosis, Silenced
from relume.core.plural import count
from relume.report.words.sanitise import join_names

MEANS = ("comment", "config", "baseline")


def tally(suppressed: Iterable[Silenced]) -> str:
    """Return how many findings are silenced, and by what; empty if none is.

    Example:
        >>> tally([])
        ''
    """
    by = Counter(item.by for item in suppressed)
    parts = ", ".join(f"{by[means]:,} by {means}" for means in MEANS if by[means])
    return f"{by.total():,} silenced ({parts})" if by else ""


def summary(diagnosis: Diagnosis) -> list[str]:
    """Return sentences on what was silenced, and on the baseline's findings that are gone."""
    total = tally(diagnosis.suppressed)
    lines = [f"{total}."] if total else []
    baseline = cast("dict[str, Any]", diagnosis.meta.get("baseline") or {})
    gone = [f"{item['code']} {item['site']}".strip() for item in baseline.get("gone", ())]
    if gone:
        many = count(len(gone), "finding")
        lines.append(f"{many} of the baseline no longer there: {join_names(gone)}.")
    return lines
