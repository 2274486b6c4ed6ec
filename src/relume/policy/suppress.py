"""A diagnosis without what somebody asked not to hear of; nothing of it is lost.

Three things silence a finding, in this order: a comment on its source line, a per-site ignore of
the configuration, a baseline. What a silenced finding explains is silenced with it, since cause
and symptoms are one story; three limits keep that from hiding more than was meant:

- A finding of the same rule at another site is a fault of its own, though one leads the others in
  the telling: it needs its own comment, ignore or entry.
- A symptom that also has a cause that is told stays.
- What a baseline knows takes with it only the kinds of symptom that it explained when the
  baseline was written, at whatever site; a new kind is news. And what was no harm then, and is
  now, is news.

The findings that stay are linked among themselves: one whose causes are all silenced is a root.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relume.core import Diagnosis, Finding, Silenced, Trace
from relume.policy.ignore_comments import IgnoreComment, comments
from relume.policy.selectors import NamedRule
from relume.policy.settings import SiteIgnore

if TYPE_CHECKING:
    from relume.policy.baseline import Baseline, BaselineEntry

WHOLE = "(model)"
"""How a glob names the whole model, which has no site."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A diagnosis with its silenced findings apart, and what is to be said about the silencing."""

    diagnosis: Diagnosis
    notes: tuple[str, ...] = ()


def suppress(
    diagnosis: Diagnosis,
    known: Sequence[NamedRule],
    *,
    trace: Trace | None = None,
    ignores: Sequence[SiteIgnore] = (),
    config: Path | None = None,
    baseline: "Baseline | None" = None,
    kept_in: Path | None = None,
) -> Suppressed:
    """Silence what is to be silent.

    Args:
        diagnosis: what was judged.
        known: the rules that there are.
        trace: the run, for the lines that it touched; comments there that silence nothing are
            reported.
        ignores: per-site ignores of the configuration.
        config: the file they stand in.
        baseline: what is known.
        kept_in: the file of the baseline.

    Returns:
        The diagnosis with `suppressed` filled, and notes: comments that were not understood or
        silenced nothing. With a baseline its `meta["baseline"]` has `file`, `known`, `new` and
        `gone`.
    """
    files = {file: comments(file, known) for file in sorted(_files(diagnosis, trace))}
    silent: dict[str, Silenced] = {}
    used: set[tuple[str, int]] = set()
    entries: dict[str, BaselineEntry] = {}
    for finding in diagnosis.findings:
        for comment in files.get(finding.file, ()):
            if comment.covers(finding.line, finding.code):
                used.add((finding.file, comment.line))
                where = f"{finding.file}:{comment.line}"
                silent.setdefault(finding.key, Silenced(finding, "comment", where, comment.reason))
        for item in ignores:
            if finding.code in item.codes and _at(finding.site, item.site):
                by = Silenced(finding, "config", str(config or ""), item.reason)
                silent.setdefault(finding.key, by)
        entry = (
            next((e for e in baseline.findings if e.covers(finding)), None) if baseline else None
        )
        if entry and finding.key not in silent:
            entries[finding.key] = entry
            silent[finding.key] = Silenced(finding, "baseline", str(kept_in or ""))
    _spread(diagnosis, silent, entries)
    left = _without(diagnosis, silent)
    if baseline is not None:
        told = _baseline(diagnosis, silent, baseline, kept_in, len(left.findings))
        left = replace(left, meta={**left.meta, "baseline": told})
    notes = _notes(diagnosis, files, used, _lines(diagnosis, trace), {k.code for k in known})
    return Suppressed(left, tuple(notes))


def _at(site: str, glob: str) -> bool:
    return fnmatchcase(site or WHOLE, glob) or (not site and glob == "*")


def _spread(
    diagnosis: Diagnosis, silent: dict[str, Silenced], entries: dict[str, "BaselineEntry"]
) -> None:
    """Silence what only silenced findings explain, until there is no more of it."""
    present = {finding.key: finding for finding in diagnosis.findings}
    grew = True
    while grew:
        grew = False
        for finding in diagnosis.findings:
            causes = [present[key] for key in finding.explained_by if key in present]
            if finding.key in silent or not causes:
                continue
            if all(_takes(cause, finding, silent, entries) for cause in causes):
                cause = silent[causes[0].key]
                root = cause.root or cause.finding.key
                silent[finding.key] = replace(cause, finding=finding, root=root)
                if causes[0].key in entries:
                    entries[finding.key] = entries[causes[0].key]
                grew = True


def _takes(
    cause: Finding,
    symptom: Finding,
    silent: Mapping[str, Silenced],
    entries: Mapping[str, "BaselineEntry"],
) -> bool:
    if cause.key not in silent or cause.code == symptom.code:
        return False
    entry = entries.get(cause.key)
    return entry is None or symptom.code in entry.explains


def _without(diagnosis: Diagnosis, silent: Mapping[str, Silenced]) -> Diagnosis:
    if not silent:
        return diagnosis
    left = [f for f in diagnosis.findings if f.key not in silent]
    leaders: dict[str, str] = {}  # by a silenced leader's key: who leads its rule's others now
    causes: dict[str, tuple[str, ...]] = {}
    for finding in left:
        kept = tuple(key for key in finding.explained_by if key not in silent)
        peer = next((k for k in finding.explained_by if k.startswith(f"{finding.code}@")), "")
        if not kept and peer in silent:
            leader = leaders.setdefault(peer, finding.key)
            kept = () if leader == finding.key else (leader,)
        causes[finding.key] = kept
    linked = [
        replace(
            finding,
            explained_by=causes[finding.key],
            explains=tuple(key for key, by in causes.items() if finding.key in by),
        )
        for finding in left
    ]
    roots = [finding for finding in linked if not finding.explained_by]
    rest = [finding for finding in linked if finding.explained_by]
    items = tuple(silent[f.key] for f in diagnosis.findings if f.key in silent)
    return replace(diagnosis, findings=(*roots, *rest), suppressed=(*diagnosis.suppressed, *items))


def _baseline(
    diagnosis: Diagnosis,
    silent: Mapping[str, Silenced],
    baseline: "Baseline",
    kept_in: Path | None,
    new: int,
) -> dict[str, Any]:
    """What the baseline knew, what is new, and what of it is gone."""
    from relume.policy.baseline import key_of

    there = {key_of(finding) for finding in diagnosis.findings}
    looked = {item.code for item in (*diagnosis.findings, *diagnosis.checked)}
    blind = {(item.code, item.site) for item in diagnosis.not_checked}
    gone = [
        {"code": e.code, "name": e.name, "site": e.site, "act": e.act}
        for e in baseline.findings
        if e.key not in there and e.code in looked and not {(e.code, e.site), (e.code, "")} & blind
    ]
    known = sum(item.by == "baseline" for item in silent.values())
    return {"file": str(kept_in or ""), "known": known, "new": new, "gone": gone}


def _lines(diagnosis: Diagnosis, trace: Trace | None) -> set[tuple[str, int]]:
    """The source lines that the run is known to have touched."""
    lines = {(finding.file, finding.line) for finding in diagnosis.findings}
    if trace is not None:
        lines |= {(site.file, site.line) for site in trace.sites}
        for fact in trace.facts:
            file, line = fact.data.get("file"), fact.data.get("line")
            if isinstance(file, str) and isinstance(line, int):
                lines.add((file, line))
    return {(file, line) for file, line in lines if file and line}


def _files(diagnosis: Diagnosis, trace: Trace | None) -> set[str]:
    return {file for file, _ in _lines(diagnosis, trace)}


def _notes(
    diagnosis: Diagnosis,
    files: Mapping[str, Sequence[IgnoreComment]],
    used: set[tuple[str, int]],
    touched: set[tuple[str, int]],
    known: set[str],
) -> list[str]:
    """What an author of a comment should hear: it is not understood, or silences nothing."""
    missing = {item.code for item in diagnosis.not_checked}
    judged = {item.code for item in (*diagnosis.findings, *diagnosis.checked)} - missing
    notes: list[str] = []
    for file, found in files.items():
        for comment in found:
            where = f"{file}:{comment.line}: the ignore comment"
            there = any((file, line) in touched for line in range(comment.first, comment.line + 1))
            asked = known if comment.codes is None else comment.codes
            if comment.problem:
                notes.append(f"{where}: {comment.problem}.")
            elif comment.alone:
                notes.append(f"{where} stands on a line of its own; put it behind the code.")
            elif there and (file, comment.line) not in used and asked <= judged:
                notes.append(f"{where} silenced nothing; remove it.")
    return notes
