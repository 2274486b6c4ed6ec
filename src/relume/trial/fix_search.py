"""`relume fix`: run, diagnose, walk the ladder of the root cause, and keep what is proved."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from relume.core import Diagnosis, Finding, Severity, Trace
from relume.core.trial import Arm, Cure, Edit, Safety, Trial, TrialRun, Verdict
from relume.diagnosis import diagnose
from relume.errors import UsageError
from relume.fixes.ladder import fix_called, ladder
from relume.fixes.patches import patch_of, words_of
from relume.record.store import run_file
from relume.trial.judge.verdict import PROVEN
from relume.trial.paired_trial import SEEDS, first_look, recorded_arm, run_paired_trial
from relume.trial.scheduler import TrialRunner

Told = Callable[[str], None]


def cure(
    crew: TrialRunner,
    *,
    run: Path | None = None,
    seeds: int = SEEDS,
    select: Iterable[str] | None = None,
    told: Told = lambda text: None,
) -> Cure:
    """Diagnose a script and prove a repair of its root cause, rung by rung.

    Args:
        crew: fires the shots.
        run: a recorded run of the same script, instead of a new one.
        seeds: pairs for choosing, and again for proving.
        select: only findings of these rules are treated.
        told: hears what begins, in words.
    """
    told("running the script as it is")
    diagnosis, trace = _diagnosed(crew, run, select)
    roots = [f for f in diagnosis.roots if f.severity >= Severity.WARNING]
    if not roots:
        return Cure(diagnosis)
    first_look(crew)  # it was run already, unless a recorded run was diagnosed
    asked, trials, advice = 0, list[Trial](), list[Edit]()
    kept: tuple[Finding, Arm, Verdict] | None = None
    for root in roots:
        for rung in rungs(ladder(root, diagnosis, trace)):
            if fix_called(rung[0].fix).safety is Safety.ADVICE:
                advice += [edit for edit in rung if edit not in advice]
                continue
            arms = arms_of(rung, {arm.name for t in trials for arm in t.arms})
            asked += len(arms)
            told(f"{root.code} {root.name}: trying {', '.join(arm.text for arm in arms)}")
            question = f"does it cure {root.code} {root.name}: {rung[0].fix}?"
            trial = run_paired_trial(
                crew, arms, question, seeds=seeds, tests=asked, symptom=root.key
            )
            trials.append(trial)
            found = _proven(trial, arms)
            if found is not None and (kept is None or _gain(found[1]) > _gain(kept[2])):
                kept = (root, *found)
            if found is not None and _healthy(trial.shots_of(found[0].name), root):
                break
        if kept is not None:
            break
    told("")
    root = kept[0] if kept else roots[0]
    edit = kept[1].edits[0] if kept else None
    verdict = kept[2] if kept else None
    source = patched_edits(edit, argv=crew.setting.program.argv)
    return Cure(diagnosis, root, tuple(trials), edit, verdict, tuple(advice), *source)


def _diagnosed(
    crew: TrialRunner, run: Path | None, select: Iterable[str] | None
) -> tuple[Diagnosis, Trace]:
    path = run or recorded_arm(crew)
    if not path.is_file():
        raise UsageError(f"there is no run file {path}.")
    trace = run_file.read(path)
    found = diagnose(trace, select=select)
    return replace(found, meta={**found.meta, "path": str(path)}), trace


def rungs(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """The ladder's edits by rung: those of one fix that follow each other are one family."""
    for _, some in groupby(edits, key=lambda edit: edit.fix):
        yield list(some)


def arms_of(edits: Sequence[Edit], taken: Iterable[str] = ()) -> list[Arm]:
    """An arm for each edit, named by its fix and numbered where that is taken."""
    used, arms = set(taken), list[Arm]()
    for edit in edits:
        name, number = edit.fix, 1
        while name in used:
            number += 1
            name = f"{edit.fix}-{number}"
        used.add(name)
        arms.append(Arm(name, (edit,), text=edit.text or edit.fix.replace("-", " ")))
    return arms


def _proven(trial: Trial, arms: Sequence[Arm]) -> tuple[Arm, Verdict] | None:
    """The arm that won on fresh seeds."""
    for arm in arms:
        verdict = trial.verdict(arm.name)
        if verdict is not None and verdict.word == PROVEN and verdict.fresh:
            return arm, verdict
    return None


def _gain(verdict: Verdict) -> float:
    return verdict.effect.mean if verdict.effect is not None else 0.0


def _healthy(shots: Sequence[TrialRun], root: Finding) -> bool:
    """Most of the arm's runs are free of the root's rule: the cause is gone, not softened."""
    return sum(any(k.startswith(root.code) for k in s.findings) for s in shots) * 2 < len(shots)


def patched_edits(
    edit: Edit | None, root: Path | None = None, argv: Sequence[str] = ()
) -> tuple[str, str, str]:
    """The edit as a unified diff of the user's source, the diff that undoes it, and what to do
    instead; empty where there is no simple one, and where it is not known."""
    if edit is None:
        return "", "", ""
    root = root or Path.cwd()
    patch = patch_of(edit, root, argv)
    if patch is None:
        return "", "", words_of(edit, root, argv)
    return patch.diff(), patch.reverse().diff(), ""
