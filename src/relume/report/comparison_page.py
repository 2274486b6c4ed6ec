"""Writes a comparison of acts as one HTML page: a forest plot, loss curves, table and paragraph.

It loads nothing and runs nothing; light and dark, text as text.
"""

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from relume.core.trial import Trial
from relume.report.act_chart_svg import stroke_styles, tick_text, ticks
from relume.report.machine.comparison_tables import cells, paragraph
from relume.report.words.compared_word import compared_word
from relume.report.words.sanitise import name, prose, shorten

WIDTH, LEFT, ROW, TALL = 760, 220, 30, 320
RIGHT = WIDTH - 24
POINTS = 100  # of a loss curve: a page with twenty arms stays small
Scale = Callable[[float], float]


def page(trial: Trial) -> str:
    """Return the comparison as a page."""
    head, body = cells(trial)
    table = "".join(
        f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in line)}</tr>"
        for tag, line in (("th", head), *(("td", line) for line in body))
    )
    pictures = "".join(f"<figure>{one}</figure>" for one in (forest(trial), curves(trial)) if one)
    title = _text(trial.question)
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_style(len(trial.arms))}</style>\n<h1>{title}</h1>\n"
        f"{pictures}<div><table>{table}</table></div>\n<p>{_text(paragraph(trial))}</p></html>\n"
    )


def forest(trial: Trial) -> str:
    """Return an SVG of each arm's difference with its 95 % interval, beside zero and the least
    effect; an interval that has no end (one pair) reaches to the border."""
    shown = [
        (arm, v, v.effect)
        for arm in trial.arms
        if (v := trial.verdict(arm.name)) is not None and v.effect is not None
    ]
    shown = [one for one in shown if one[0].role != "placebo" and one[1].word != "not run"]
    if not shown:
        return ""
    least = max((v.least for _, v, _ in shown if v.least is not None), default=0.0)
    ends = [x for _, _, e in shown for x in (e.low, e.mean, e.high) if math.isfinite(x)]
    x, across = _scale([0.0, least, *ends], LEFT, RIGHT - 130)
    base = 44 + ROW * len(shown)
    parts = [
        f'<path class="{"zero" if t == 0 else "line"}" d="M{x(t):.1f} 34V{base}"/>'
        f'<text class="tick" x="{x(t):.1f}" y="{base + 18}">{tick_text(t)}</text>'
        for t in across
    ]
    if least:
        parts.append(f'<path class="least" d="M{x(least):.1f} 34V{base}"/>')
    for at, (arm, verdict, effect) in enumerate(shown):
        y = 56 + ROW * at
        low, high = (
            x(end) if math.isfinite(end) else edge
            for end, edge in ((effect.low, LEFT), (effect.high, RIGHT - 130))
        )
        factor = trial.meta.get("factors", {}).get(arm.name, {}).get("factor", "")
        word = shorten(compared_word(verdict.word), 24)
        label = f"{name(arm.text or arm.name, 24)}{f' ({factor})' if factor else ''}"
        parts.append(
            f'<text class="side" x="{LEFT - 10}" y="{y + 4}">{_text(label)}</text>'
            f'<path class="whisker" d="M{low:.1f} {y}H{high:.1f}"/>'
            f'<circle class="dot" cx="{x(effect.mean):.1f}" cy="{y}" r="5"/>'
            f'<text x="{RIGHT - 120}" y="{y + 4}">{_text(word)}</text>'
        )
    heading = f"gain of {trial.objective.name} with its 95 % interval; dashed: the least effect"
    return _svg(f"Forest plot: {heading}", heading, base + 30, parts)


def curves(trial: Trial) -> str:
    """Return an SVG of each arm's training loss, the median of its seeds at each step; logarithmic
    where all of them are above zero."""
    drawn = [
        (at, arm, line)
        for at, arm in enumerate(trial.arms)
        if arm.role != "placebo" and (line := _median_curve(trial, arm.name))
    ]
    if not drawn:
        return ""
    losses = [loss for _, _, line in drawn for _, loss in line]
    log = min(losses) > 0
    of: Scale = math.log10 if log else float
    x, across = _scale([step for _, _, line in drawn for step, _ in line], 70, RIGHT)
    y, up = _scale([of(loss) for loss in losses], 44 + TALL, 44)
    parts = [
        f'<path class="line" d="M70 {y(t):.1f}H{RIGHT}"/><text class="side" x="62" '
        f'y="{y(t) + 4:.1f}">{_text(f"{10**t:.3g}" if log else tick_text(t))}</text>'
        for t in up
    ]
    parts += [
        f'<text class="tick" x="{x(t):.1f}" y="{62 + TALL}">{tick_text(t)}</text>' for t in across
    ]
    for row, (at, arm, line) in enumerate(drawn):
        points = " ".join(f"{x(step):.1f},{y(of(loss)):.1f}" for step, loss in line)
        at_x, at_y = 70 + 340 * (row % 2), 92 + TALL + 20 * (row // 2)
        parts.append(
            f'<polyline class="c c{at}" points="{points}"/>'
            f'<path class="c c{at}" d="M{at_x} {at_y - 4}h28"/>'
            f'<text x="{at_x + 36}" y="{at_y}">{_text(name(arm.text or arm.name, 40))}</text>'
        )
    heading = "training loss by step, median of the seeds"
    return _svg(heading, heading, 104 + TALL + 10 * (len(drawn) + 1), parts)


def _median_curve(trial: Trial, arm: str) -> list[tuple[int, float]]:
    """Return ``(step, median loss)`` of the steps that more than half of the arm's runs have."""
    runs = [run for run in trial.shots_of(arm) if run.loss]
    by_step: dict[int, list[float]] = {}
    for run in runs:
        for step, loss in run.loss:
            by_step.setdefault(step, []).append(loss)
    line = [
        (step, float(np.median(losses)))
        for step, losses in sorted(by_step.items())
        if 2 * len(losses) > len(runs) and all(map(math.isfinite, losses))
    ]
    return line[:: max(1, len(line) // POINTS)]


def _scale(values: Sequence[float], start: float, end: float) -> tuple[Scale, list[float]]:
    """Return the map from these values to the picture, and round values in their range."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or abs(low) * 0.05 or 1.0
    low, high = low - room, high + room
    return lambda v: start + (v - low) / (high - low) * (end - start), ticks(low, high)


def _svg(title: str, heading: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_text(title)}">'
        f'<text class="head" x="12" y="20">{_text(heading)}</text>{"".join(parts)}</svg>\n'
    )


def _text(words: str) -> str:
    return escape(prose(words))


def _style(many: int) -> str:
    light, dark = stroke_styles(many)
    return (
        ":root{color-scheme:light dark}"
        "body{font:15px system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;"
        "color:#1a1a1a;background:#fff}figure{margin:1em 0}svg{width:100%;max-width:760px}"
        "text{font:13px system-ui,sans-serif;fill:currentColor}.head{font-weight:600}"
        ".tick{text-anchor:middle}.side{text-anchor:end}div{overflow-x:auto}"
        ".line{stroke:#8884;fill:none}.zero{stroke:#888;fill:none}"
        ".least{stroke:#888;stroke-dasharray:5 4}.whisker{stroke:currentColor;stroke-width:2}"
        ".dot{fill:currentColor}table{border-collapse:collapse}"
        "th,td{padding:.3em .7em;text-align:left;border-bottom:1px solid #8884}"
        f".c{{fill:none;stroke-width:2;stroke-linejoin:round}}{light}"
        "@media (prefers-color-scheme:dark){body{color:#ececec;background:#16181c}"
        f"{dark}}}"
    )
