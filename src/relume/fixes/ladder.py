"""The fixes, found by looking, and the ladder of a finding: its edits from the first rung on."""

from collections.abc import Iterator
from functools import cache

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import FIRST_LINE, Fix
from relume.registry import discover, lookup, pages


@cache
def all_fixes() -> tuple[Fix, ...]:
    """Every fix, by name."""
    return tuple(sorted(discover("relume.fixes", Fix), key=lambda fix: fix.name))


def fix_called(name: str) -> Fix:
    """The fix of that name.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    return lookup(name, {fix.name: fix for fix in all_fixes()}, "fix")


def ladder(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> tuple[Edit, ...]:
    """What may cure a finding, in the order of its rungs; advice, which nothing lays, last."""
    found = sorted(_rungs(finding, diagnosis, trace), key=lambda rung: rung[:2])
    edits: list[Edit] = []
    for *_, edit in found:
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
    """The page of every fix by its name, read without importing it: neither it nor torch."""
    found: dict[str, str] = {}
    for stem, text in pages("relume.fixes").items():
        match = FIRST_LINE.match(text)
        if match is not None and match["name"] == stem.replace("_", "-"):
            found[match["name"]] = text
    return found
