"""Draws a finding's evidence over the steps as a small static SVG, for where no script runs."""

from __future__ import annotations

import math
from html import escape
from itertools import groupby

from relume.core import Finding
from relume.report.words.sanitise import number, prose, span

WIDTH, HEIGHT = 520, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 84, 22, 24
"""Room at the sides: words at the right, the title above, the steps below."""


def sketch(finding: Finding, colour: str) -> str:
    """Return the curve with its limit as SVG; empty where there are not two values to draw.

    Args:
        finding: whose evidence.
        colour: of the limit; the curve takes the colour of the text around.
    """
    evidence = finding.evidence
    curve = [(step, float(value)) for step, value in evidence.curve]
    fine = [value for _, value in curve if math.isfinite(value)]
    if len(fine) < 2:
        return ""
    limit = evidence.threshold
    heights = [*fine, limit] if limit is not None and math.isfinite(limit) else fine
    scale = _Scale(min(heights), max(heights), curve[0][0], curve[-1][0])
    summary = f"{evidence.stat} over steps, from {number(fine[0])} to {number(fine[-1])}" + (
        f", limit {number(limit)}" if limit is not None else ""
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_safe(summary)}" '
        'style="max-width:36em;display:block;margin:.4em 0;font:12px sans-serif">',
        f'<text x="{_LEFT}" y="12" fill="currentColor" opacity=".7">{_safe(evidence.stat)}'
        f"{', log scale' if scale.log else ''}</text>",
    ]
    if limit is not None and math.isfinite(limit):
        y = scale.y(limit)
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="{colour}" stroke-dasharray="4 3" '
            f'fill="none"/><text x="{WIDTH - _RIGHT + 6}" y="{y + 4:.1f}" fill="{colour}">limit '
            f"{_safe(number(limit))}</text>"
        )
    parts += [
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.8"/>'
        for points in scale.lines(curve)
    ]
    words = span((curve[0][0], curve[-1][0]))
    parts.append(
        f'<text x="{_LEFT}" y="{HEIGHT - 6}" fill="currentColor" opacity=".7">{_safe(words)}</text>'
    )
    return "".join([*parts, "</svg>"])


class _Scale:
    """Maps steps and values to places in the picture; logarithmic over more than three decades."""

    def __init__(self, low: float, high: float, first: int, last: int) -> None:
        self.log = low > 0 and high > 1000 * low
        self.low, self.high = self._height(low), self._height(high)
        self.first, self.last = first, last

    def _height(self, value: float) -> float:
        # halved, since the difference of two huge values would be infinite
        return math.log10(max(value, 5e-324)) if self.log else value / 2

    def x(self, step: int) -> float:
        across = (step - self.first) / max(1, self.last - self.first)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        up = (self._height(value) - self.low) / ((self.high - self.low) or 1.0)
        return HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    def lines(self, curve: list[tuple[int, float]]) -> list[str]:
        """Return the parts of the curve between values that are not finite."""
        parts = groupby(curve, key=lambda point: math.isfinite(point[1]))
        return [
            " ".join(f"{self.x(step):.1f},{self.y(value):.1f}" for step, value in part)
            for fine, part in parts
            if fine
        ]


def _safe(words: object) -> str:
    return escape(prose(words), quote=True)
