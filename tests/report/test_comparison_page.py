"""The page of a comparison: intervals to scale, curves of what is finite, no markup of a user's."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from relume.core.trial import Arm, Effect, Objective, Trial, TrialRun, Verdict
from relume.report.comparison_page import curves, forest, page

RUNS = tuple(
    TrialRun(arm, seed, 0.1, loss=tuple((step, level / (step + 1)) for step in range(400)))
    for arm, level in (("base", 2.0), ("gelu", 1.0))
    for seed in range(5)
)
TRIAL = Trial(
    "which act instead of <b>relu</b>?",
    Objective("training loss", "min", "loss"),
    (Arm("base", role="base", text="relu"), Arm("gelu"), Arm("tanh", text="<script>tanh")),
    RUNS,
    (
        Verdict("gelu", "proven", "", Effect(0.3, 0.1, 0.4, 0.001, 0.003, 5, 5, 0.2), least=0.05),
        Verdict("tanh", "undecided", "", Effect(0.2, -math.inf, math.inf, 1, 1, 1, 1, 0.2)),
    ),
    (),
    {"factors": {"gelu": {"factor": "act", "against": "base"}}},
)


def positions(svg: str) -> tuple[list[tuple[float, float]], list[float], float, float]:
    """Return whiskers, dots, and where zero and the least effect are."""
    whiskers = re.findall(r'class="whisker" d="M([\d.]+) \d+H([\d.]+)"', svg)
    dots = re.findall(r'class="dot" cx="([\d.]+)"', svg)
    (zero,) = re.findall(r'class="zero" d="M([\d.]+)', svg)
    (least,) = re.findall(r'class="least" d="M([\d.]+)', svg)
    return (
        [(float(a), float(b)) for a, b in whiskers],
        list(map(float, dots)),
        float(zero),
        float(least),
    )


def test_intervals_stand_to_scale_beside_zero_and_the_least_effect() -> None:
    whiskers, dots, zero, least = positions(forest(TRIAL))
    unit = (whiskers[0][1] - whiskers[0][0]) / 0.3  # from 0.1 to 0.4
    assert unit > 0
    assert dots[0] - zero == pytest.approx(0.3 * unit, abs=0.2)
    assert dots[1] - zero == pytest.approx(0.2 * unit, abs=0.2)
    assert least - zero == pytest.approx(0.05 * unit, abs=0.2)
    assert whiskers[1][0] < zero < whiskers[0][1] < whiskers[1][1]  # no end: up to the border


def test_loss_curves_are_medians_that_fall_on_a_logarithmic_scale() -> None:
    lines = [
        [tuple(map(float, point.split(","))) for point in line.split()]
        for line in re.findall(r'polyline class="c c\d" points="([^"]+)"', curves(TRIAL))
    ]
    assert len(lines) == 2
    gaps = [low[1] - high[1] for high, low in zip(*lines, strict=True)]
    assert max(gaps) - min(gaps) < 0.3  # twice the loss at every step: one distance
    assert min(gaps) > 1
    broken = replace(TRIAL, shots=(*RUNS[:4], replace(RUNS[4], loss=((0, math.nan),)), *RUNS[5:]))
    assert curves(broken).count("polyline") == 2
    none = replace(TRIAL, shots=tuple(replace(run, loss=()) for run in RUNS))
    assert curves(none) == ""


def test_the_page_loads_nothing_and_runs_nothing_of_the_users() -> None:
    tags: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, dict(attrs)))

    text = page(TRIAL)
    Reader().feed(text)
    assert {"svg", "table", "p"} <= {tag for tag, _ in tags}
    assert not {"script", "b", "img", "link"} & {tag for tag, _ in tags}
    assert not any({"src", "href", "onload"} & attributes.keys() for _, attributes in tags)
    assert "&lt;script&gt;tanh" in text
