"""What was silenced, in a line: nothing that was found goes unmentioned."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from relume.core import Diagnosis, Silenced
from relume.report.words.sanitise import count, listed

WAYS = ("comment", "config", "baseline")


def tally(suppressed: Iterable[Silenced]) -> str:
    """How many are silenced, and by what; empty if none is.

    Example:
        >>> tally([])
        ''
    """
    by = Counter(item.by for item in suppressed)
    parts = ", ".join(f"{by[way]:,} by {way}" for way in WAYS if by[way])
    return f"{by.total():,} silenced ({parts})" if by else ""


def summary(diagnosis: Diagnosis) -> list[str]:
    """Sentences on what was silenced, and on what a baseline knew that is gone."""
    told = tally(diagnosis.suppressed)
    lines = [f"{told}."] if told else []
    baseline = cast("dict[str, Any]", diagnosis.meta.get("baseline") or {})
    gone = [f"{item['code']} {item['site']}".strip() for item in baseline.get("gone", ())]
    if gone:
        many = count(len(gone), "finding")
        lines.append(f"{many} of the baseline no longer there: {listed(gone)}.")
    return lines
