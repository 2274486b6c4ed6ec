"""Whole screens, held against files that a person has looked at.

Write them anew with ``RELUME_SCREENS=write pytest tests/report/terminal/test_screens.py``, and look
at each that has changed.
"""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import story_of_a_death as story
import test_card_text as deck
import test_comparison as race
from rich.console import Console

from relume.core import Diagnosis, Evidence, Measured, Outcome
from relume.report.machine.concise import concise
from relume.report.machine.github import github
from relume.report.terminal import run_list
from relume.report.terminal.card_comparison import compare
from relume.report.terminal.card_text import render as render_card
from relume.report.terminal.comparison import comparison
from relume.report.terminal.diagnosis_text import render

HERE = Path(__file__).parent
SCREENS = HERE / "screens"
HOT = replace(story.HOT, file="train.py", line=0)  # no test's own line stands in a screen
SICK = replace(story.SICK, findings=(HOT, *story.SICK.findings[1:]))
MANY = replace(
    story.MANY, findings=tuple(replace(f, file="train.py", line=0) for f in story.MANY.findings)
)
FINE = replace(story.FINE, verdict="fine")
STALLED = replace(
    story.FINE,
    outcome=story.STALLED,
    verdict="fails",
    suspects=(
        "vanishing-gradient (0.34 % of the gradient arrives; 34% of its limit)",
        "learning-rate-low (a step changes the weights by 0.02 % of their size; 5% of its limit)",
    ),
)
UNSEEN = Diagnosis(
    (),
    (),
    story.NOT_CHECKED,
    Outcome("no-loss", "No loss was seen: nothing called backward() on a scalar."),
    meta={"steps": 0, "records": 0, "path": ".relume/x.sqlite"},
    verdict="unseen",
    unseen=("no training was recorded",),
)
CHECK = replace(  # `relume check`: a model before any training, without a run file
    SICK,
    findings=(
        replace(
            HOT,
            code="ACT301",
            name="scale-drift-at-init",
            steps=(0, 0),
            text="From act.0 to act.9 the pre-activations grow {value:,.0f} times.",
            evidence=Evidence("pre_rms_ratio", 4_000.0, 10.0),
            cure="Re-initialise the weights with He initialisation with the gain of relu.",
            explains=(),
        ),
    ),
    outcome=Outcome("no-loss", "Checked on one batch, forward and backward, without training."),
    meta={"steps": 0, "torch": "2.13.0"},
    verdict="fails",
)
DEMOS = {"vanishing": "Eight sigmoid layers in a row: the gradient vanishes on its way back."}
ROWS = {
    "range_low": Measured(-0.17, 1e-9),
    "range_high": Measured(float("inf"), note="unbounded"),
    "off_centre": Measured(0.48, 1e-9, better="low"),
    "gain_forward": Measured(1.5335, 1e-9),
    "gradient_factor": Measured(1.0354, 1e-9, "1.42 after 10 layers"),
    "saturation_low": Measured(-2.28, 1e-9),
    "saturation_high": Measured("none"),
    "born_dead": Measured(0.0, 0.0009, better="low"),
    "saved_bytes": Measured(4.0, 0.0, unit="B/element", better="low"),
    "value_error_near": Measured(1.68e7, None, "0 from -5.5 on", unit="ULP", better="low"),
}
CARDS = [
    deck.made(act, **ROWS, time_training=near, time_training_far=far)
    for act, near, far in (
        ("gelu", deck.timed(2.4, 2.3, 2.5), deck.timed(1.01, 0.98, 1.05)),
        ("silu", deck.timed(1.37, 1.32, 1.44), deck.timed(1.02, 0.99, 1.04)),
        ("relu", deck.timed(1.0, 1.0, 1.0), deck.timed(1.0, 1.0, 1.0, busy=True)),
    )
]
FAILS = replace(SICK, verdict="fails", outcome=Outcome("stalled", "Words.", {"end": 2.301}))
RUNS = [
    run_list.ListedRun("20261130-0900-train", {**story.META, "started": "2026-11-30T09:00"}, FAILS),
    run_list.ListedRun("20261129-1200-other", {**story.META, "script": "a/b/other.py"}, FINE),
    run_list.ListedRun("20261128-0000-torn", problem="torn is damaged and cannot be read."),
]


def report(
    diagnosis: Diagnosis, width: int = 80, *, ascii_only: bool = False, verbose: bool = False
) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii" if ascii_only else "utf-8")
    console = Console(file=stream, width=width, color_system=None, legacy_windows=False)
    render(diagnosis, None, console, verbose=verbose)
    stream.flush()
    return raw.getvalue().decode()


def printed(show: Callable[[Console], None], width: int = 80) -> str:
    stream = io.StringIO()
    show(Console(file=stream, width=width, color_system=None, legacy_windows=False))
    return stream.getvalue()


MADE: dict[str, Callable[[], str]] = {
    "sick-80": lambda: report(SICK),
    "sick-160": lambda: report(SICK, 160),
    "sick-40": lambda: report(SICK, 40),
    "sick-ascii": lambda: report(SICK, ascii_only=True),
    "sick-verbose": lambda: report(SICK, verbose=True),
    "sick-verbose-160": lambda: report(SICK, 160, verbose=True),
    "fine-80": lambda: report(FINE),
    "fine-40-ascii": lambda: report(FINE, 40, ascii_only=True),
    "many-80": lambda: report(MANY),
    "many-160": lambda: report(MANY, 160),
    "many-verbose": lambda: report(MANY, verbose=True),
    "stalled-80": lambda: report(STALLED),
    "stalled-40": lambda: report(STALLED, 40),
    "unseen-80": lambda: report(UNSEEN),
    "empty-80": lambda: report(story.EMPTY),
    "check-80": lambda: report(CHECK),
    "check-40-ascii": lambda: report(CHECK, 40, ascii_only=True),
    "concise": lambda: concise(SICK),
    "github": lambda: github(SICK),
    "runs-80": lambda: printed(lambda console: run_list.runs(RUNS, console, older=31)),
    "runs-140": lambda: printed(lambda console: run_list.runs(RUNS, console, older=31), 140),
    "card-80": lambda: printed(lambda console: render_card([CARDS[0]], console, plots=False)),
    "card-compare-80": lambda: printed(lambda console: compare(CARDS, console, plots=False)),
    "card-compare-40": lambda: printed(lambda console: compare(CARDS, console, plots=False), 40),
    "compare-80": lambda: printed(lambda console: comparison(race.trial(), console)),
    "compare-120": lambda: printed(lambda console: comparison(race.trial(), console), 120),
    "demos-80": lambda: printed(lambda console: run_list.demos(DEMOS, console)),
}


@pytest.mark.parametrize("name", MADE)
def test_a_screen_is_as_it_was_looked_at(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(line.rstrip() for line in MADE[name]().splitlines()) + "\n"
    file = SCREENS / f"{name}.txt"
    if os.environ.get("RELUME_SCREENS") == "write":
        SCREENS.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_no_screen_is_left_over() -> None:
    assert {file.stem for file in SCREENS.iterdir()} == set(MADE)
