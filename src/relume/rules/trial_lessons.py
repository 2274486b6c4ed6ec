"""Rewrites a diagnosis by what trials of cures taught about its causes.

`relume fix` writes it into the run file (`meta["trials"]`), so that every later look at the run
shows the cause whose cure is proven first, and what was refuted last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from relume.core import Diagnosis


def lessons(cured: str, refuted: Sequence[str], taught: Sequence[str]) -> dict[str, Any]:
    """Return what a run file keeps: the key of the cured finding (or ``""``), the codes of the
    refuted ones, and sentences."""
    return {"cured": cured, "refuted": list(refuted), "taught": list(taught)}


def with_lessons(diagnosis: Diagnosis, learned: Mapping[str, Any] | None) -> Diagnosis:
    """Return the diagnosis with the cured cause first, as a root, and the refuted ones last."""
    if not learned:
        return diagnosis
    refuted = learned["refuted"]
    first = [f for f in diagnosis.findings if f.key == learned["cured"]]
    rest = [f for f in diagnosis.findings if f.key != learned["cured"]]
    first = [replace(f, explained_by=()) for f in first]
    kept = [f for f in rest if f.code not in refuted]
    last = [replace(f, cure="") for f in rest if f.code in refuted]
    roots = diagnosis.roots
    before = roots[0].code if roots else ""
    meta = {**diagnosis.meta, "taught": list(learned["taught"]), "root before": before}
    return replace(diagnosis, findings=(*first, *kept, *last), meta=meta)
