"""Moves the findings of a diagnosis that the user silenced into its `suppressed` list.

Three things silence a finding, in this order: a comment on its source line, a per-site ignore of
the configuration, a baseline. A silenced finding silences what it explains, since cause and
symptoms belong together; three limits keep that from hiding more than was meant:

- A finding of the same rule at another site is a fault of its own, though one leads the group: it
  needs its own comment, ignore or entry.
- A symptom that has another cause that is not silenced stays.
- An entry of a baseline silences only the kinds of symptom that it explained when the baseline was
  written, at any site; a new kind is reported. A finding that was no harm then, and is now, is
  reported too.

The findings that stay are linked again: one whose causes are all silenced is a root.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relume.core import Diagnosis, Finding, Silenced, Trace
from relume.policy.ignore_comments import IgnoreComment, ignore_comments
from relume.policy.selectors import NamedRule
from relume.policy.settings import SiteIgnore

if TYPE_CHECKING:
    from relume.policy.baseline import Baseline, BaselineEntry

WHOLE = "(model)"
"""How a glob names the whole model, which has no site."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A diagnosis with its silenced findings apart, and notes on comments that had no effect."""

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
    baseline_file: Path | None = None,
) -> Suppressed:
    """Silence findings by comments, per-site ignores and a baseline.

    Args:
        diagnosis: the diagnosis.
        known: all rules.
        trace: the run, for the lines that it touched; comments there that silence nothing are
            reported.
        ignores: per-site ignores of the configuration.
        config: the file of the configuration.
        baseline: the known findings.
        baseline_file: the file of the baseline.

    Returns:
        The diagnosis with `suppressed` filled, and notes: comments that were not understood or
        silenced nothing. With a baseline its `meta["baseline"]` has `file`, `known`, `new` and
        `gone`.
    """
    files = {file: ignore_comments(file, known) for file in sorted(_files(diagnosis, trace))}
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
            if finding.code in item.codes and _matches(finding.site, item.site):
                by = Silenced(finding, "config", str(config or ""), item.reason)
                silent.setdefault(finding.key, by)
        entry = (
            next((e for e in baseline.findings if e.covers(finding)), None) if baseline else None
        )
        if entry and finding.key not in silent:
            entries[finding.key] = entry
            silent[finding.key] = Silenced(finding, "baseline", str(baseline_file or ""))
    _silence_symptoms(diagnosis, silent, entries)
    left = _without(diagnosis, silent)
    if baseline is not None:
        counts = _baseline_counts(diagnosis, silent, baseline, baseline_file, len(left.findings))
        left = replace(left, meta={**left.meta, "baseline": counts})
    notes = _notes(diagnosis, files, used, _lines(diagnosis, trace), {k.code for k in known})
    return Suppressed(left, tuple(notes))


def _matches(site: str, glob: str) -> bool:
    return fnmatchcase(site or WHOLE, glob) or (not site and glob == "*")


def _silence_symptoms(
    diagnosis: Diagnosis, silent: dict[str, Silenced], entries: dict[str, "BaselineEntry"]
) -> None:
    """Silence what only silenced findings explain, repeated until nothing is added."""
    present = {finding.key: finding for finding in diagnosis.findings}
    grew = True
    while grew:
        grew = False
        for finding in diagnosis.findings:
            causes = [present[key] for key in finding.explained_by if key in present]
            if finding.key in silent or not causes:
                continue
            if all(_takes_along(cause, finding, silent, entries) for cause in causes):
                cause = silent[causes[0].key]
                root = cause.root or cause.finding.key
                silent[finding.key] = replace(cause, finding=finding, root=root)
                if causes[0].key in entries:
                    entries[finding.key] = entries[causes[0].key]
                grew = True


def _takes_along(
    cause: Finding,
    symptom: Finding,
    silent: Mapping[str, Silenced],
    entries: Mapping[str, "BaselineEntry"],
) -> bool:
    """Whether a cause is silenced and may silence the symptom with it."""
    if cause.key not in silent or cause.code == symptom.code:
        return False
    entry = entries.get(cause.key)
    return entry is None or symptom.code in entry.explains


def _without(diagnosis: Diagnosis, silent: Mapping[str, Silenced]) -> Diagnosis:
    """Move the silenced findings to `suppressed`, and link the others among themselves."""
    if not silent:
        return diagnosis
    left = [f for f in diagnosis.findings if f.key not in silent]
    leaders: dict[str, str] = {}  # by a silenced leader's key: the finding that leads its group now
    causes: dict[str, tuple[str, ...]] = {}
    for finding in left:
        causes_left = tuple(key for key in finding.explained_by if key not in silent)
        peer = next((k for k in finding.explained_by if k.startswith(f"{finding.code}@")), "")
        if not causes_left and peer in silent:
            leader = leaders.setdefault(peer, finding.key)
            causes_left = () if leader == finding.key else (leader,)
        causes[finding.key] = causes_left
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


def _baseline_counts(
    diagnosis: Diagnosis,
    silent: Mapping[str, Silenced],
    baseline: "Baseline",
    baseline_file: Path | None,
    new: int,
) -> dict[str, Any]:
    """Count what the baseline knew and what is new, and list which entries are gone."""
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
    return {"file": str(baseline_file or ""), "known": known, "new": new, "gone": gone}


def _lines(diagnosis: Diagnosis, trace: Trace | None) -> set[tuple[str, int]]:
    """Return the source lines that the run is known to have touched."""
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
    """Return a note for each comment that is not understood or silences nothing."""
    missing = {item.code for item in diagnosis.not_checked}
    judged = {item.code for item in (*diagnosis.findings, *diagnosis.checked)} - missing
    notes: list[str] = []
    for file, file_comments in files.items():
        for comment in file_comments:
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
