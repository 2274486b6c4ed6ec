"""Discovers the fixes, and builds the ladder of a finding: its edits, first rung first."""

from collections.abc import Iterator
from functools import cache

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import FIRST_LINE, Fix
from relume.registry import discover, lookup, pages


@cache
def all_fixes() -> tuple[Fix, ...]:
    """Return every fix, sorted by name."""
    return tuple(sorted(discover("relume.fixes", Fix), key=lambda fix: fix.name))


def fix_called(name: str) -> Fix:
    """Return the fix of that name.

    Raises:
        UnknownNameError: no fix has that name; the message gives the nearest one.
    """
    return lookup(name, {fix.name: fix for fix in all_fixes()}, "fix")


def ladder(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> tuple[Edit, ...]:
    """Return what may cure a finding in the order of its rungs; advice, which is words, last."""
    rungs = sorted(_rungs(finding, diagnosis, trace), key=lambda rung: rung[:2])
    edits: list[Edit] = []
    for *_, edit in rungs:
        if edit not in edits:
            edits.append(edit)
    return tuple(edits)


def _rungs(
    finding: Finding, diagnosis: Diagnosis, trace: Trace
) -> Iterator[tuple[bool, float, Edit]]:
    for fix in all_fixes():
        rung = fix.rungs.get(finding.code)
        if rung is not None:
            for edit in fix.propose(finding, diagnosis, trace):
                yield fix.safety is Safety.ADVICE, rung, edit


def fix_pages() -> dict[str, str]:
    """Return the page of every fix by its name, without importing the fixes or torch."""
    texts: dict[str, str] = {}
    for stem, text in pages("relume.fixes").items():
        match = FIRST_LINE.match(text)
        if match is not None and match["name"] == stem.replace("_", "-"):
            texts[match["name"]] = text
    return texts
