"""The terminal report: nothing lost, nothing interpreted, nothing crashes."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
import story_of_a_death as story
from rich.console import Console

from relume.core import Diagnosis, Evidence, Outcome, Series, Severity, Trace
from relume.report.terminal.diagnosis_text import render

WIDTHS = (20, 50, 80, 160)
CASES = {
    "sick": story.SICK,
    "fine": story.FINE,
    "empty": story.EMPTY,
    "many": story.MANY,
}
HOSTILE = {
    "markup": "net[red].[/red][link=http://x]y[/]",
    "broken markup": "[/]",
    "ansi": "net\x1b[31m.1\x1b]0;title\x07",
    "bidi": "net\u202e.1\u200f\u2066",
    "newlines": "net\n\r\t.1\u2028x",
    "surrogate": "net\udc80",
    "long": "blocks." * 1500,
    "long with spaces": "block s " * 1500,
    "emoji code": ":smiley:",
    "braces": "{value} {0} {}",
    "wide": "网络" * 20,
}


def shown(
    diagnosis: Diagnosis, width: int, *, color: bool = False, trace: Trace | None = None
) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="truecolor" if color else None,
        legacy_windows=False,
    )
    render(diagnosis, trace, console)
    return stream.getvalue()


def squeezed(text: str) -> str:
    """Without white space, guides and colours, so that wrapping does not matter."""
    bare = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"[\s│├└─|`+-]", "", bare).lower()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("color", [False, True], ids=["plain", "color"])
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_lost(case: str, width: int, color: bool) -> None:
    diagnosis = CASES[case]
    text = squeezed(shown(diagnosis, width, color=color))
    for finding in diagnosis.findings:
        assert finding.code.lower() in text
        assert squeezed(finding.site) in text
    for root in diagnosis.roots:
        assert squeezed(root.cure) in text
        assert squeezed(root.message) in text
    for item in (*diagnosis.checked, *diagnosis.ruled_out):
        assert squeezed(item.name) in text
        assert squeezed(item.text) in text
    for gap in diagnosis.not_checked:
        assert squeezed(gap.reason) in text
        assert squeezed(gap.remedy) in text
    assert squeezed(diagnosis.outcome.text) in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal(case: str, width: int) -> None:
    assert max(map(len, shown(CASES[case], width).splitlines())) <= width


def test_the_story_at_80_columns() -> None:
    text = shown(story.SICK, 80)
    lines = [line.rstrip() for line in text.splitlines()]
    assert "│ ✗ 1 root cause, 2 symptoms: learning-rate-high. The run stalled at chance:" in text
    assert any(line.startswith("━━ 1  ACT605 learning-rate-high  error ━━━") for line in lines)
    assert "   measured  update_ratio_median = 0.52  limit 0.1  64 samples" in lines
    assert "             steps 0 to 1,180, min 0.004, max 0.604" in lines
    assert "   Try first: Divide the learning rate by 10 (from 0.1 to 0.01), and keep" in lines
    assert "   Read more: relume explain learning-rate-high" in lines
    assert "   └── ACT403 died-in-training  net.1  steps 143 to 161  mlp.py:27" in lines
    assert "       └── ACT401 dead-units  net.1  steps 161 to 1,199  mlp.py:27" in lines
    assert " ○  ACT402 dormant-units, ACT502 stuck-gate at lstm" in lines
    assert "1,200 steps · 64 records · recording took 0.83 %" in lines
    assert "run .relume/brisk-lark.sqlite" in lines


def test_the_source_line_is_read_from_disk() -> None:
    text = shown(story.SICK, 160)
    assert 'story_of_a_death.py:1  """A diagnosis written by hand' in text


def test_a_symptom_of_a_symptom_is_told_once() -> None:
    text = shown(story.SICK, 160)
    assert text.count("39 of 64 units") == 1


def test_a_healthy_run_says_so_first() -> None:
    text = shown(replace(story.FINE, verdict="fine"), 80)
    assert (
        text.strip()
        .splitlines()[1]
        .startswith("│ ✓ By the training loss this looks fine. The run learns")
    )
    assert "root cause" not in text
    assert "Try first" not in text


def test_an_empty_diagnosis_claims_nothing() -> None:
    assert "? Nothing could be checked. No loss was seen." in shown(story.EMPTY, 80)


def test_a_run_that_fares_badly_without_a_sign_is_not_called_fine() -> None:
    text = shown(replace(story.FINE, outcome=story.STALLED, verdict="fails"), 80)
    assert "✗ Not learning, and no rule is sure why." in text
    assert "looks fine" not in text


@pytest.mark.parametrize("outcome", ["plateaued", "too-short", "no-loss"])
def test_nothing_found_is_not_health_and_says_what_was_not_seen(outcome: str) -> None:
    unseen = {"verdict": "nothing-found", "unseen": ("the loss after step 12 of 345",)}
    text = shown(replace(story.FINE, outcome=Outcome(outcome, "Words."), **unseen), 120)
    assert "? Nothing was found. Words. Not seen: the loss after step 12 of 345." in text
    assert "looks fine" not in text


def test_what_was_not_seen_at_all_is_not_called_fine() -> None:
    missing = ("no training was recorded",)
    text = shown(replace(story.FINE, verdict="unseen", unseen=missing), 120)
    assert "? Nothing was seen." in text
    assert "Not seen: no training was recorded." in text


def test_many_sites_of_one_rule_take_a_line() -> None:
    text = shown(story.MANY, 120)
    assert "at 9 more sites" in text
    assert text.count("39 of 64 units") == 3


def test_many_roots_of_one_rule_keep_a_cure_that_differs() -> None:
    roots = tuple(
        replace(story.HOT, site=f"layer{i}", explains=(), cure=f"cure number {i // 3}")
        for i in range(7)
    )
    text = shown(replace(story.SICK, findings=roots), 100)
    assert "✗ 7 root causes: learning-rate-high." in text
    assert "4 to 7  ACT605" in text
    assert all(f"layer{i}" in text for i in range(7))
    assert all(f"Cure number {i}." in text for i in range(3))


def test_findings_that_explain_each_other_are_still_told() -> None:
    one = replace(story.HOT, explained_by=("ACT401@net.1",))
    two = replace(story.DEAD, explained_by=("ACT605@",))
    text = shown(replace(story.SICK, findings=(one, two)), 80)
    assert "ACT605" in text
    assert "ACT401" in text


def test_a_note_that_explains_an_error_is_a_root() -> None:
    cause = replace(story.HOT, severity=Severity.NOTE)
    assert "✗ 1 root cause, 2 symptoms" in shown(
        replace(story.SICK, findings=(cause, story.DIED, story.DEAD)), 80
    )


def test_a_shared_symptom_is_named_under_its_second_cause() -> None:
    other = replace(story.HOT, code="ACT302", name="symmetric-init")
    both = replace(story.DEAD, explained_by=("ACT605@", "ACT302@"))
    text = shown(replace(story.SICK, findings=(story.HOT, other, both)), 100)
    assert "also, as told above: ACT401 net.1" in text


@pytest.mark.parametrize("width", [50, 160])
@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_data(name: str, width: int) -> None:
    site = HOSTILE[name]
    finding = replace(story.DEAD, site=site, explained_by=(), file=site, cure=site, layer=site)
    missing = replace(story.NOT_CHECKED[0], site=site, reason=site, remedy=site)
    diagnosis = replace(
        story.SICK,
        findings=(finding, replace(story.SPARSE, site=site)),
        not_checked=(missing,),
        outcome=Outcome(site, site),
        meta={"path": site, "run": site, "script": site, "steps": site},
    )
    text = shown(diagnosis, width)
    assert "\x1b" not in text
    assert not set(text) & set("\u202e\u200f\u2066\u2028\x07\r\t\udc80")
    text.encode("utf-8")
    if name == "markup":
        assert "net[red].[/red]" in text
    if name.startswith("long"):
        assert len(finding.site) > 10_000
        facts = text[text.index("where") : text.index("when")]
        assert "..." in facts
        assert len(facts) < 1500


def test_the_same_words_with_and_without_color() -> None:
    colored = shown(story.SICK, 80, color=True)
    assert "\x1b[" in colored
    assert squeezed(colored) == squeezed(shown(story.SICK, 80))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16"])
@pytest.mark.parametrize("case", CASES)
def test_every_encoding_can_carry_it(case: str, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    diagnosis = replace(
        CASES[case], outcome=Outcome("learning", "loss 2 → 1, ≤ 3 × chance, μ, 网络, …")
    )
    render(diagnosis, None, Console(file=stream, width=80, legacy_windows=False))
    stream.flush()
    raw.getvalue().decode(encoding)


def test_ascii_keeps_markers_and_curve() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    render(story.SICK, None, Console(file=stream, width=80, legacy_windows=False))
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "| x 1 root cause, 2 symptoms" in text
    assert "course    ___.-###" in text
    assert "`-- ACT403" in text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((1.0, float("nan"), 2.0), "min 1, max 2, 1 not finite"),
        ((1.0, float("inf"), float("-inf")), "constant 1, 2 not finite"),
        ((float("nan"),) * 3, "steps 0 to 2, 3 not finite"),
        ((0.0, 0.0, 0.0), "constant 0"),
        ((1e-9, 1.0, 1e9), "log scale"),
        ((-1e308, 0.0, 1e308), "min -1e308, max 1e308"),
    ],
)
def test_a_curve_of_any_numbers(values: tuple[float, ...], says: str) -> None:
    evidence = Evidence("stat", float("nan"), 0.5, curve=tuple(enumerate(values)))
    finding = replace(story.HOT, text="broken", evidence=evidence)
    assert says in shown(replace(story.SICK, findings=(finding,)), 120)


def test_the_footer_adds_up_the_time_in_steps() -> None:
    seconds = Series(np.arange(3), np.array([1.0, float("nan"), 61.0]))
    trace = Trace(meta={}, table={("", "step_seconds"): seconds})
    words = " ".join(shown(story.FINE, 80, trace=trace).split())
    assert "recording took 515 ms (0.83 %) · trained for 1 min 02 s" in words


def test_a_rule_that_fired_is_fine_only_elsewhere() -> None:
    checked = replace(story.CHECKED[0], code="ACT401", name="dead-units")
    text = shown(replace(story.SICK, checked=(checked,)), 80)
    assert "✓  ACT401 dead-units, elsewhere" in text


def test_a_cleared_finding_says_so() -> None:
    cleared = replace(story.HOT, cleared=True)
    text = shown(replace(story.SICK, findings=(cleared,)), 80)
    assert "steps 9 to 143, and no longer at the end" in text
