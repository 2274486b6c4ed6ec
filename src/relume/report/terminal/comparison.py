"""Prints a comparison of acts as a table: objective, difference, cost, verdict."""

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from relume.core import Diagnosis
from relume.core.plural import count
from relume.core.trial import Arm, ArmSummary, Trial, Verdict
from relume.report.terminal.style import Style, grid
from relume.report.terminal.trial_text import (
    arm_words,
    difference,
    evidence_lines,
    mean,
    verdict_words,
)
from relume.report.words.sanitise import (
    duration,
    name,
    number,
    place,
    prose,
    sentence,
    share,
)

COSTS = ("steps", "params", "ms/step", "MB", "dead")
ONLY = "better on training only"
TITLES: tuple[str, ...] = ("act", "", "difference", *COSTS, "verdict")


def comparison(trial: Trial, console: Console) -> None:
    """Print what `relume compare` reports."""
    style = Style(console)
    style.put()
    style.rule(style.text((prose(trial.question[:1].upper() + trial.question[1:]), "bold")), "dim")
    for line in _heads(trial):
        style.put(style.text((line, "dim")), left=1)
    if style.width < 112:
        for arm in trial.arms:
            _stacked(trial, arm, style)
    else:
        style.put(_table(trial, style))
    seconds = duration(float(trial.meta.get("seconds", 0.0)))
    style.put()
    style.put(style.text((f"{count(len(trial.shots), 'run')}; {seconds}; kept in", "dim")))
    style.put(style.text((place(str(trial.meta.get("kept_in", "")), 0), "dim")))
    style.put()
    said, acts = conclusions(trial), len(_of_acts(trial))
    others = sum(v.effect is not None for v in trial.verdicts) - sum(
        v.effect is not None for v in _of_acts(trial)
    )
    for line in said[:others]:
        style.put(style.text(line), left=1)
    verdict = " ".join(said[others:]) or f"{count(acts, 'act')}, and none could be judged."
    style.put(style.text((f"relume compare: {verdict}", "bold")))


def _heads(trial: Trial) -> list[str]:
    direction = "lower" if trial.objective.better == "min" else "higher"
    seeds = int(trial.meta.get("seeds", 0))
    lines = [
        f"{trial.objective.name}, {direction} is better: mean and 95 % interval over {seeds} "
        f"paired seeds; act: against {_control(trial)}; init: that against the script as it is; "
        "Holm-corrected"
    ]
    tunings = int(trial.meta.get("tunings", 0))
    lines.append(
        f"learning rate tuned for every arm alike, {tunings} tries each on other seeds"
        if tunings
        else "learning rate: the script's own for every arm"
    )
    why = str(trial.meta.get("why_objective") or "")
    if why and why != "as asked":
        lines.append(f"judged by {trial.objective.name} because {why}")
    goal = next((s.goal for s in trial.standings if s.goal is not None), None)
    if goal is not None:
        lines.append(f"steps: optimiser steps until the loss is {number(goal)}")
    lines.append("ms/step: the script's own step with the act's time in it, as if built in")
    return lines + evidence_lines(trial)


def _control(trial: Trial) -> str:
    return arm_words(trial, str(trial.meta.get("control", "base")))


def factor_words(trial: Trial, verdict: Verdict | None) -> str:
    """Return the difference with the factor to which it is due: act, init or rate."""
    words = difference(verdict)
    factors: Any = trial.meta.get("factors", {})
    factor = factors.get(verdict.arm, {}).get("factor", "") if verdict is not None else ""
    return f"{factor}: {words}" if factor and words else words


def _table(trial: Trial, style: Style) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    titles = list(TITLES)
    titles[1] = trial.objective.name
    for title in titles:
        right = title in COSTS
        table.add_column(
            title, justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    for arm in trial.arms:
        summary, verdict = trial.standing(arm.name), trial.verdict(arm.name)
        tone = "bold" if arm.role == "base" else ""
        table.add_row(
            style.text((name(arm.text or arm.name, 40), tone)),
            style.text(mean(summary)),
            style.text(factor_words(trial, verdict)),
            *(style.text(cell) for cell in costs(summary)),
            verdict_words(verdict, style, compared=True),
        )
    return table


def _stacked(trial: Trial, arm: Arm, style: Style) -> None:
    summary, verdict = trial.standing(arm.name), trial.verdict(arm.name)
    style.put()
    style.put(style.text((prose(arm.text or arm.name), "bold cyan")), left=1)
    style.put(style.text(mean(summary)), left=3)
    if verdict is not None:
        style.put(style.text(factor_words(trial, verdict)), left=3)
        style.put(verdict_words(verdict, style, compared=True), left=3)
    labels = ("steps", "parameters", "ms a step", "MB", "dead")
    cells = [f"{cell} {label}" for cell, label in zip(costs(summary), labels, strict=True) if cell]
    cells = ["never so low" if cell == "never steps" else cell for cell in cells]
    for line in fill_lines(cells, style.width - 3):
        style.put(style.text((line, "dim")), left=3)


def fill_lines(cells: Sequence[str], width: int) -> list[str]:
    """Fill lines with cells, none of them broken.

    >>> fill_lines(["14 steps", "346 MB", "0 % dead"], 20)
    ['14 steps · 346 MB', '0 % dead']
    """
    lines: list[str] = []
    for cell in cells:
        if lines and len(lines[-1]) + len(cell) + 3 <= width:
            lines[-1] += f" · {cell}"
        else:
            lines.append(cell)
    return lines


def costs(summary: ArmSummary | None) -> tuple[str, str, str, str, str]:
    """Return steps to the goal, parameters, milliseconds a step, memory, dead units, as words."""
    if summary is None:
        return "", "", "", "", ""
    steps = "" if summary.goal is None else "never"
    if summary.steps_to_goal is not None:
        steps = f"{summary.steps_to_goal:,}"
    milliseconds = "" if summary.step_seconds is None else number(1000 * summary.step_seconds)
    memory = "" if not summary.bytes else f"{summary.bytes / 1e6:,.0f}"
    parameters = "" if summary.parameters is None else thousands(summary.parameters)
    return (
        steps,
        parameters,
        milliseconds,
        memory,
        "" if summary.dead_share is None else share(summary.dead_share),
    )


def thousands(count: int) -> str:
    """Return a count as people write it.

    >>> thousands(812), thousands(13_130), thousands(2_100_000)
    ('812', '13.1k', '2.1M')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def conclusions(trial: Trial) -> list[str]:
    """Return the comparison in a few sentences: what the acts do, and what the rest does."""
    acts = _of_acts(trial)
    lines = [_factor(trial, v) for v in trial.verdicts if v not in acts and v.effect is not None]
    named = {word: _named(trial, acts, word) for word in ("proven", "worse", "undecided", ONLY)}
    own = _control(trial)
    if named["proven"]:
        lines.append(f"Better than {own}: {named['proven']}.")
    if named[ONLY]:
        lines.append(f"Better on training only, worse on held-out rows: {named[ONLY]}.")
    if named["worse"]:
        lines.append(f"Worse: {named['worse']}.")
    if named["undecided"]:
        seeds = max((v.more_seeds or 0) for v in acts)
        more = f"; up to {count(seeds, 'more seed')} would tell" if seeds else ""
        lines.append(f"Undecided: {named['undecided']}{more}.")
    rest = [v for v in acts if v.word not in named and v.word != "not run"]
    if rest and len(rest) == len(acts):
        lines.append("No difference between the acts shown: keep the script's own.")
    elif rest:
        lines.append(f"No difference shown: {'; '.join(arm_words(trial, v.arm) for v in rest)}.")
    return lines


def _of_acts(trial: Trial) -> list[Verdict]:
    """Return the verdicts on acts; the others are on the initialisation and the rate."""
    factors: Any = trial.meta.get("factors", {})
    return [v for v in trial.verdicts if factors.get(v.arm, {}).get("factor", "act") == "act"]


def _factor(trial: Trial, verdict: Verdict) -> str:
    """Say what the initialisation, or the rate, does by itself."""
    factors: Any = trial.meta.get("factors", {})
    what = {"init": "Drawing the weights anew", "rate": "The tuned learning rate"}
    factor = str(factors[verdict.arm]["factor"])
    words = {"proven": "is a gain by itself", "worse": "is a loss by itself"}.get(verdict.word)
    said = words or f"shows no difference by itself ({verdict.word})"
    return f"{what.get(factor, factor)} {said}: {difference(verdict)}."


def _named(trial: Trial, verdicts: Sequence[Verdict], word: str) -> str:
    chosen = [v for v in verdicts if v.word == word]
    chosen.sort(key=lambda v: -(v.effect.mean if v.effect else -math.inf))
    return "; ".join(arm_words(trial, v.arm) for v in chosen)


def recommendation(diagnosis: Diagnosis, pieces: Any, console: Console) -> None:
    """Print what `relume recommend` reports: advice, evidence, and the trial to settle it."""
    style = Style(console)
    style.put()
    for piece in pieces:
        style.rule(style.text((piece.where.capitalize(), "bold")), "dim")
        style.put(style.text((sentence(piece.text), "bold green")), left=1)
        for line in piece.evidence:
            style.put(
                grid([(style.text(style.sign("·")), style.text(sentence(line)))], gap=1), left=3
            )
        if piece.settle:
            style.put(style.text(("the trial that settles it:", "dim")), left=3)
            style.put(style.text((prose(piece.settle), "cyan")), left=5)
        style.put()
    style.put(style.text(("Advice, not proof: nothing of it was tried on this training.", "dim")))
    first = next((piece for piece in pieces if piece.settle), None)
    told = f"{sentence(first.text)} Settle it: {prose(first.settle)}" if first else "keep what is."
    style.put(style.text((f"relume recommend: {told}", "bold")))
