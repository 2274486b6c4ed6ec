"""A comparison of acts as a table: the objective, the difference, the cost, the verdict."""

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from relume.core import Diagnosis
from relume.core.trial import Arm, ArmSummary, Trial
from relume.report.terminal.style import Style, grid
from relume.report.terminal.trial_text import difference, mean, verdict_words
from relume.report.words.sanitise import (
    count,
    duration,
    name,
    number,
    place,
    prose,
    sentence,
    share,
)

COSTS = ("steps", "params", "ms/step", "MB", "dead")
TITLES: tuple[str, ...] = ("act", "", "difference", *COSTS, "verdict")


def comparison(found: Trial, console: Console) -> None:
    """What `relume compare` says."""
    ink = Style(console)
    ink.put()
    ink.rule(ink.text((prose(found.question[:1].upper() + found.question[1:]), "bold")), "dim")
    for line in _heads(found):
        ink.put(ink.text((line, "dim")), left=1)
    if ink.width < 112:
        for arm in found.arms:
            _stacked(found, arm, ink)
    else:
        ink.put(_table(found, ink))
    ink.put()
    for line in conclusions(found):
        ink.put(ink.text(line), left=1)
    took = duration(float(found.meta.get("seconds", 0.0)))
    ink.put()
    ink.put(ink.text((f"{count(len(found.shots), 'run')}; {took}; kept in", "dim")))
    ink.put(ink.text((place(str(found.meta.get("kept_in", "")), 0), "dim")))
    ink.put()


def _heads(found: Trial) -> list[str]:
    way = "lower" if found.objective.better == "min" else "higher"
    seeds = int(found.meta.get("seeds", 0))
    lines = [
        f"{found.objective.name}, {way} is better: mean and 95 % interval over {seeds} paired "
        "seeds; differences are to the script's own act, Holm-corrected"
    ]
    tunings = int(found.meta.get("tunings", 0))
    lines.append(
        f"learning rate tuned for every arm alike, {tunings} tries each on other seeds"
        if tunings
        else "learning rate: the script's own for every arm"
    )
    why = str(found.meta.get("why_objective") or "")
    if why and why != "as asked":
        lines.append(f"judged by {found.objective.name} because {why}")
    goal = next((s.goal for s in found.standings if s.goal is not None), None)
    if goal is not None:
        lines.append(f"steps: optimiser steps until the loss is {number(goal)}")
    return lines


def _table(found: Trial, ink: Style) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    titles = list(TITLES)
    titles[1] = found.objective.name
    for title in titles:
        right = title in COSTS
        table.add_column(
            title, justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    for arm in found.arms:
        standing, verdict = found.standing(arm.name), found.verdict(arm.name)
        style = "bold" if arm.role == "base" else ""
        table.add_row(
            ink.text((name(arm.text or arm.name, 40), style)),
            ink.text(mean(standing)),
            ink.text(difference(verdict)),
            *(ink.text(cell) for cell in costs(standing)),
            verdict_words(verdict, ink, compared=True),
        )
    return table


def _stacked(found: Trial, arm: Arm, ink: Style) -> None:
    standing, verdict = found.standing(arm.name), found.verdict(arm.name)
    ink.put()
    ink.put(ink.text((prose(arm.text or arm.name), "bold cyan")), left=1)
    ink.put(ink.text(mean(standing)), left=3)
    if verdict is not None:
        ink.put(ink.text(difference(verdict)), left=3)
        ink.put(verdict_words(verdict, ink, compared=True), left=3)
    labels = ("steps", "parameters", "ms a step", "MB", "dead")
    cells = [f"{cell} {label}" for cell, label in zip(costs(standing), labels, strict=True) if cell]
    for line in packed(cells, ink.width - 3):
        ink.put(ink.text((line, "dim")), left=3)


def packed(cells: Sequence[str], width: int) -> list[str]:
    """Cells in as few lines as they fit into, none of them broken.

    >>> packed(["14 steps", "346 MB", "0 % dead"], 20)
    ['14 steps · 346 MB', '0 % dead']
    """
    lines: list[str] = []
    for cell in cells:
        if lines and len(lines[-1]) + len(cell) + 3 <= width:
            lines[-1] += f" · {cell}"
        else:
            lines.append(cell)
    return lines


def costs(standing: ArmSummary | None) -> tuple[str, str, str, str, str]:
    """Steps to the goal, parameters, milliseconds a step, memory and dead units, as words."""
    if standing is None:
        return "", "", "", "", ""
    steps = "" if standing.goal is None else "never"
    if standing.steps_to_goal is not None:
        steps = f"{standing.steps_to_goal:,}"
    pace = "" if standing.step_seconds is None else number(1000 * standing.step_seconds)
    memory = "" if not standing.bytes else f"{standing.bytes / 1e6:,.0f}"
    trained = "" if standing.parameters is None else thousands(standing.parameters)
    return (
        steps,
        trained,
        pace,
        memory,
        "" if standing.dead_share is None else share(standing.dead_share),
    )


def thousands(count: int) -> str:
    """A count as people say it.

    >>> thousands(812), thousands(13_130), thousands(2_100_000)
    ('812', '13.1k', '2.1M')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def conclusions(found: Trial) -> list[str]:
    """The comparison in a sentence or two."""
    said = {word: _named(found, word) for word in ("proven", "worse", "undecided")}
    lines: list[str] = []
    if said["proven"]:
        lines.append(f"Better than the script's own: {said['proven']}.")
    if said["worse"]:
        lines.append(f"Worse: {said['worse']}.")
    if said["undecided"]:
        seeds = max((v.more_seeds or 0) for v in found.verdicts)
        lines.append(
            f"Undecided: {said['undecided']}; up to {count(seeds, 'more seed')} would tell."
        )
    rest = [v for v in found.verdicts if v.word not in said and v.word != "not run"]
    if rest and len(rest) == len(found.verdicts):
        lines.append("No difference shown: keep the script's own act.")
    elif rest:
        lines.append(f"No difference shown: {'; '.join(_text(found, v.arm) for v in rest)}.")
    own: list[str] = list(found.meta.get("own", []))
    anew = found.verdict(own[0]) if len(own) == 1 else None
    if anew is not None and anew.word == "proven" and len(found.verdicts) > 1:
        lines.append(
            f"Drawing the weights anew is a gain by itself: judge other acts by {own[0]} with its "
            "weights drawn anew."
        )
    return lines


def _named(found: Trial, word: str) -> str:
    chosen = [v for v in found.verdicts if v.word == word]
    chosen.sort(key=lambda v: -(v.effect.mean if v.effect else -math.inf))
    return "; ".join(_text(found, v.arm) for v in chosen)


def _text(found: Trial, arm: str) -> str:
    """The arm in words: of the script's own act, that its weights were drawn anew."""
    return name(next((a.text for a in found.arms if a.name == arm and a.text), arm), 60)


def recommendation(diagnosis: Diagnosis, pieces: Any, console: Console) -> None:
    """What `relume recommend` says: advice, evidence, and the trial that would settle it."""
    ink = Style(console)
    ink.put()
    for piece in pieces:
        ink.rule(ink.text((piece.where.capitalize(), "bold")), "dim")
        ink.put(ink.text((sentence(piece.text), "bold green")), left=1)
        for line in piece.evidence:
            ink.put(grid([(ink.text(ink.sign("·")), ink.text(sentence(line)))], gap=1), left=3)
        if piece.settle:
            ink.put(ink.text(("the trial that settles it:", "dim")), left=3)
            ink.put(ink.text((prose(piece.settle), "cyan")), left=5)
        ink.put()
    ink.put(ink.text(("Advice, not proof: nothing of it was tried on this training.", "dim")))
    ink.put()
