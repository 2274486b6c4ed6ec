"""Diagnoses a program and proves a fix of its root cause, rung by rung: `relume fix`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from relume.core import Diagnosis, Finding, Severity, Trace
from relume.core.trial import Arm, Cure, Edit, Safety, Trial, TrialRun, Verdict
from relume.diagnosis import diagnose
from relume.errors import UsageError
from relume.fixes.ladder import fix_called, ladder
from relume.fixes.patches import manual_instructions, patch_of
from relume.record.store import run_file
from relume.trial.judge.verdict import PROVEN
from relume.trial.paired_trial import (
    SEEDS,
    Announce,
    check_judgeable,
    recorded_arm,
    run_paired_trial,
)
from relume.trial.scheduler import TrialRunner


def cure(
    runner: TrialRunner,
    *,
    run: Path | None = None,
    seeds: int = SEEDS,
    select: Iterable[str] | None = None,
    announce: Announce = lambda text: None,
) -> Cure:
    """Diagnose a program and prove a fix of its root cause, rung by rung.

    Args:
        runner: runs the arms.
        run: a recorded run of the same script, instead of a new one.
        seeds: pairs for choosing, and again for proving.
        select: treat only findings of these rules.
        announce: gets each new phase, in words.
    """
    announce("running the script as it is")
    diagnosis, trace = _diagnosed(runner, run, select)
    roots = [f for f in diagnosis.roots if f.severity >= Severity.WARNING]
    if not roots:
        return Cure(diagnosis)
    check_judgeable(runner)  # takes no new run unless the diagnosis was of a recorded one
    tested, trials, advice = 0, list[Trial](), list[Edit]()
    best: tuple[Finding, Arm, Verdict] | None = None
    for root in roots:
        for rung in rungs(ladder(root, diagnosis, trace)):
            if fix_called(rung[0].fix).safety is Safety.ADVICE:
                advice += [edit for edit in rung if edit not in advice]
                continue
            arms = arms_of(rung, {arm.name for t in trials for arm in t.arms})
            tested += len(arms)
            announce(f"{root.code} {root.name}: trying {', '.join(arm.text for arm in arms)}")
            question = f"does it cure {root.code} {root.name}: {rung[0].fix}?"
            trial = run_paired_trial(
                runner, arms, question, seeds=seeds, tests=tested, symptom=root.key
            )
            trials.append(trial)
            proven = _proven(trial, arms)
            if proven is not None and (best is None or _gain(proven[1]) > _gain(best[2])):
                best = (root, *proven)
            if proven is not None and _healthy(trial.shots_of(proven[0].name), root):
                break
        if best is not None:
            break
    announce("")
    root = best[0] if best else roots[0]
    edit = best[1].edits[0] if best else None
    verdict = best[2] if best else None
    source = patched_edits(edit, argv=runner.setting.program.argv)
    return Cure(diagnosis, root, tuple(trials), edit, verdict, tuple(advice), *source)


def _diagnosed(
    runner: TrialRunner, run: Path | None, select: Iterable[str] | None
) -> tuple[Diagnosis, Trace]:
    path = run or recorded_arm(runner)
    if not path.is_file():
        raise UsageError(f"there is no run file {path}.")
    trace = run_file.read(path)
    diagnosis = diagnose(trace, select=select)
    return replace(diagnosis, meta={**diagnosis.meta, "path": str(path)}), trace


def rungs(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Group a ladder's edits into rungs: adjacent edits of one fix are one rung."""
    for _, group in groupby(edits, key=lambda edit: edit.fix):
        yield list(group)


def arms_of(edits: Sequence[Edit], used_names: Iterable[str] = ()) -> list[Arm]:
    """Make an arm for each edit, named by its fix and numbered where that name is used."""
    used, arms = set(used_names), list[Arm]()
    for edit in edits:
        name, number = edit.fix, 1
        while name in used:
            number += 1
            name = f"{edit.fix}-{number}"
        used.add(name)
        arms.append(Arm(name, (edit,), text=edit.text or edit.fix.replace("-", " ")))
    return arms


def _proven(trial: Trial, arms: Sequence[Arm]) -> tuple[Arm, Verdict] | None:
    """Return the arm that won on fresh seeds, or None."""
    for arm in arms:
        verdict = trial.verdict(arm.name)
        if verdict is not None and verdict.word == PROVEN and verdict.fresh:
            return arm, verdict
    return None


def _gain(verdict: Verdict) -> float:
    return verdict.effect.mean if verdict.effect is not None else 0.0


def _healthy(runs: Sequence[TrialRun], root: Finding) -> bool:
    """Whether most of the arm's runs are free of the root's rule: the cause is gone."""
    return sum(any(k.startswith(root.code) for k in s.findings) for s in runs) * 2 < len(runs)


def patched_edits(
    edit: Edit | None, root: Path | None = None, argv: Sequence[str] = ()
) -> tuple[str, str, str]:
    """Return the edit as a unified diff of the user's source, the diff that undoes it, and what to
    do by hand; each is empty where there is no simple diff or no known instruction."""
    if edit is None:
        return "", "", ""
    root = root or Path.cwd()
    patch = patch_of(edit, root, argv)
    if patch is None:
        return "", "", manual_instructions(edit, root, argv)
    return patch.diff(), patch.reverse().diff(), ""
