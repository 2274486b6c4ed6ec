"""Makes the plain data from which the page draws a trial: arms, verdicts, effects and pairs."""

from __future__ import annotations

from typing import Any

from relume.core.trial import Arm, Effect, Trial, TrialRun, Verdict
from relume.report.html.series_encoder import short
from relume.report.words.sanitise import name, number, prose, share, shorten

LONG = 2_000


def trial_data(trial: Trial) -> dict[str, Any]:
    """Return a trial as plain data; a pair is a seed that both the arm and the base finished."""
    base = next((arm for arm in trial.arms if arm.role == "base"), trial.arms[0])
    base_runs = {run.seed: run for run in trial.shots_of(base.name)}
    candidates = [arm for arm in trial.arms if arm.name != base.name]
    return {
        "question": _text(trial.question),
        "objective": {"name": name(trial.objective.name), "better": trial.objective.better},
        "base": {"name": name(base.name), "values": [_run_data(run) for run in base_runs.values()]},
        "arms": [_arm(arm, trial, base_runs) for arm in candidates],
    }


def _arm(arm: Arm, trial: Trial, base_runs: dict[int, TrialRun]) -> dict[str, Any]:
    verdict = trial.verdict(arm.name)
    sign = -1.0 if trial.objective.better == "min" else 1.0
    runs = trial.shots_of(arm.name)
    return {
        "name": name(arm.name),
        "role": arm.role,
        "edits": [_text(edit.text or edit.fix) for edit in arm.edits] or [_text(arm.text)],
        "word": _text(verdict.word) if verdict else "not judged",
        "text": _text(f"{verdict.text}{_power(verdict)}") if verdict else "",
        "fresh": verdict.fresh if verdict else False,
        "more_seeds": verdict.more_seeds if verdict else None,
        "new_findings": [name(key) for key in verdict.new_findings] if verdict else [],
        "effect": _effect(verdict.effect) if verdict and verdict.effect else None,
        "shots": [_run_data(run) for run in runs],
        "pairs": [
            [run.seed, short(sign * (run.value - other.value))]
            for run in runs
            if (other := base_runs.get(run.seed)) is not None
            and run.value is not None
            and other.value is not None
        ],
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "mean": short(effect.mean),
        "low": short(effect.low),
        "high": short(effect.high),
        "p": short(effect.p_holm),
        "level": effect.level,
        "wins": effect.wins,
        "pairs": effect.pairs,
        "diverged": list(effect.diverged),
    }


def _power(verdict: Verdict) -> str:
    """Say what the pairs could have shown, in a sentence; empty where that is not known."""
    if verdict.visible is None or verdict.least is None or verdict.power is None:
        return ""
    return (
        f" Its pairs show a difference of {number(verdict.visible)} in 80 % of trials, and the "
        f"least worth a change, {number(verdict.least)}, in {share(round(verdict.power, 2))}."
    )


def _run_data(run: TrialRun) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "value": None if run.value is None else short(run.value),
        "diverged": run.diverged,
        "problem": _text(run.problem),
    }


def _text(words: str) -> str:
    return shorten(prose(words), LONG)
