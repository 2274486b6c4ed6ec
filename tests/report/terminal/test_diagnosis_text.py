"""The terminal report: nothing lost, nothing interpreted, nothing crashes."""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import story_of_a_death as story
from rich.console import Console

from relume.core import Diagnosis, Evidence, Outcome, Series, Severity, Site, Trace
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
    diagnosis: Diagnosis,
    width: int,
    *,
    color: bool = False,
    trace: Trace | None = None,
    verbose: bool = False,
) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="truecolor" if color else None,
        legacy_windows=False,
    )
    render(diagnosis, trace, console, verbose=verbose)
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
    text = squeezed(shown(diagnosis, width, color=color, verbose=True))
    for finding in diagnosis.findings:
        assert finding.code.lower() in text
        assert squeezed(finding.site) in text
    for root in diagnosis.roots:
        assert squeezed(root.cure) in text
        for part in root.message.split(". "):
            assert squeezed(part) in text
    for item in (*diagnosis.checked, *diagnosis.ruled_out):
        assert squeezed(item.name) in text
        assert squeezed(item.text) in text
    for gap in diagnosis.not_checked:
        assert squeezed(gap.reason) in text
        assert squeezed(gap.remedy) in text
    assert squeezed(diagnosis.outcome.text) in text


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal(case: str, width: int, verbose: bool) -> None:
    lines = shown(CASES[case], width, verbose=verbose).splitlines()
    commands = [line for line in lines if " relume " in line and line.lstrip().startswith("= ")]
    assert max(len(line) for line in lines if line not in commands) <= width


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("case", CASES)
def test_the_verdict_is_the_last_thing(case: str, width: int) -> None:
    text = shown(CASES[case], width)
    *_, last = re.split(r"^(?=. relume: )", text, flags=re.MULTILINE)
    assert last.startswith(("✗ relume: ", "✓ relume: ", "? relume: "))
    assert squeezed(CASES[case].outcome.text) in squeezed(last)
    assert len(last.splitlines()) <= 2 + 160 // width


def test_a_short_report_fits_a_small_terminal() -> None:
    assert len(shown(story.SICK, 80).splitlines()) <= 24


def test_the_story_at_80_columns() -> None:
    text = shown(story.SICK, 80)
    lines = [line.rstrip() for line in text.splitlines()]
    assert "error[ACT605]: learning-rate-high: One step changed the weights by 52% of their" in text
    assert any(re.match(r"  = seen:  [▁-█]+  steps 9 to 143$", line) for line in lines)
    assert "  = also:  ACT403 died-in-training at net.1, a symptom of this" in lines
    assert "  = try:   relume fix train.py" in lines
    assert "           Divide the learning rate by 10 (from 0.1 to 0.01), and keep" in lines
    assert "  = why:   relume explain ACT605" in lines
    assert "notes: ACT501 saturated-units, ACT404 sparse" in lines
    assert "5 rules found nothing, 3 could not look (relume diagnose -v lists them)" in lines
    assert "64 of 1,200 steps looked at · recording took 0.83 % of the time" in lines
    assert ".relume/brisk-lark.sqlite · open it: relume report" in lines
    assert "✗ relume: NOT LEARNING: 1 root cause, 2 symptoms: learning-rate-high. The run" in text
    assert "update_ratio_median" not in text  # a raw name is for -v


def test_verbose_adds_numbers_symptoms_and_every_rule() -> None:
    text = shown(story.SICK, 80, verbose=True)
    lines = [line.rstrip() for line in text.splitlines()]
    assert "  = data:  update_ratio_median = 0.52, limit 0.1, 64 samples; steps 0 to" in text
    assert any(
        line.endswith("└── ACT403 died-in-training  net.1  steps 143 to 161") for line in lines
    )
    assert any(
        line.endswith("    └── ACT401 dead-units  net.1  steps 161 to 1,199") for line in lines
    )
    assert " ○  ACT402 dormant-units, ACT502 stuck-gate at lstm" in lines
    assert text.count("39 of 64 units") == 1, "a symptom of a symptom is told once"


def test_what_does_not_apply_is_told_apart() -> None:
    gate = replace(story.CHECKED[0], code="ACT502", name="stuck-gate", applies=False)
    diagnosis = replace(story.FINE, checked=(*story.CHECKED, gate))
    assert "1 do not apply here" not in shown(diagnosis, 80)
    assert "3 rules found nothing, 1 does not apply here" in shown(diagnosis, 80)
    assert "── Does not apply here ──" in shown(diagnosis, 80, verbose=True)


def test_the_layer_is_shown_where_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "train.py"
    script.write_text(
        "from torch import nn\n"
        "model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))\n"
        "loss = model(batch)\n"
    )
    site = Site("1", "act", "relu", path="1", layer="0", file=str(script), line=3)
    finding = replace(story.HOT, site="1", file=str(script), line=3)
    trace = Trace(meta={}, sites=(site,))
    lines = shown(replace(story.SICK, findings=(finding,)), 100, trace=trace).splitlines()
    assert any(f"{script.name}:2:40" in line and "called in line 3" in line for line in lines)
    at = next(i for i, line in enumerate(lines) if line.startswith("2 │ model ="))
    assert lines[at + 1].index("^") == lines[at].index("nn.ReLU()")
    assert lines[at + 1].count("^") == len("nn.ReLU()")


def test_a_healthy_run_says_so() -> None:
    text = shown(replace(story.FINE, verdict="fine"), 80)
    assert "✓ relume: By the training loss this looks fine. The run learns" in " ".join(
        text.split()
    )
    assert "root cause" not in text
    assert "= try" not in text


def test_an_empty_diagnosis_claims_nothing() -> None:
    assert "? relume: Nothing could be checked. No loss was seen." in shown(story.EMPTY, 80)


def test_a_run_that_fares_badly_without_a_symptom_names_suspects_and_a_command() -> None:
    suspects = ("vanishing-gradient (0.34 % of the gradient arrives; 34% of its limit)",)
    diagnosis = replace(story.FINE, outcome=story.STALLED, verdict="fails", suspects=suspects)
    text = shown(diagnosis, 80)
    assert "· Vanishing-gradient (0.34 % of the gradient arrives; 34% of its limit)" in text
    assert "= try:   relume compare train.py --acts relu,gelu" in text
    assert "✗ relume: Not learning, and no rule is sure why." in text
    assert "looks fine" not in text


@pytest.mark.parametrize("outcome", ["plateaued", "too-short", "no-loss"])
def test_nothing_found_is_not_health_and_says_what_was_not_seen(outcome: str) -> None:
    unseen = {"verdict": "nothing-found", "unseen": ("the loss after step 12 of 345",)}
    text = shown(replace(story.FINE, outcome=Outcome(outcome, "Words."), **unseen), 120)
    assert "? relume: Nothing was found. Words. Not seen: the loss after step 12 of 345." in text
    assert "looks fine" not in text


def test_what_was_not_seen_at_all_is_not_called_fine() -> None:
    missing = ("no training was recorded",)
    text = shown(replace(story.FINE, verdict="unseen", unseen=missing), 120)
    assert "? relume: Nothing was seen." in text
    assert "Not seen: no training was recorded." in " ".join(text.split())


def test_many_sites_of_one_rule_take_a_line() -> None:
    text = shown(story.MANY, 120)
    assert "ACT401 dead-units at blocks.{0-11}.mlp.act (12), symptoms of this" in text
    assert "39 of 64 units" not in text
    assert shown(story.MANY, 120, verbose=True).count("39 of 64 units") == 3


def test_many_roots_of_one_rule_take_a_line_and_keep_their_cures_in_verbose() -> None:
    roots = tuple(
        replace(story.HOT, site=f"layer{i}", explains=(), cure=f"cure number {i // 3}")
        for i in range(7)
    )
    diagnosis = replace(story.SICK, findings=roots)
    text = shown(diagnosis, 100)
    assert "✗ relume: NOT LEARNING: 7 root causes: learning-rate-high." in text
    assert text.count("error[ACT605]") == 1
    assert "at layer{1-6} (6)" in text
    assert all(f"Cure number {i}." in shown(diagnosis, 100, verbose=True) for i in range(3))


def test_findings_that_explain_each_other_are_still_told() -> None:
    one = replace(story.HOT, explained_by=("ACT401@net.1",))
    two = replace(story.DEAD, explained_by=("ACT605@",))
    text = shown(replace(story.SICK, findings=(one, two)), 80)
    assert "ACT605" in text
    assert "ACT401" in text


def test_a_note_that_explains_an_error_is_a_root() -> None:
    cause = replace(story.HOT, severity=Severity.NOTE)
    assert "✗ relume: NOT LEARNING: 1 root cause, 2 symptoms" in shown(
        replace(story.SICK, findings=(cause, story.DIED, story.DEAD)), 80
    )


def test_a_shared_symptom_is_named_under_its_second_cause() -> None:
    other = replace(story.HOT, code="ACT302", name="symmetric-init")
    both = replace(story.DEAD, explained_by=("ACT605@", "ACT302@"))
    diagnosis = replace(story.SICK, findings=(story.HOT, other, both))
    assert shown(diagnosis, 100).count("ACT401 dead-units at net.1, a symptom of this") == 2
    assert "also, as above: ACT401 net.1" in shown(diagnosis, 100, verbose=True)


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
        facts = text[text.index("-->") : text.index("= seen")]
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
    render(story.SICK, None, Console(file=stream, width=80, legacy_windows=False), verbose=True)
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "x relume: NOT LEARNING: 1 root cause, 2 symptoms" in text
    assert re.search(r"= seen:  [_.~=+*#-]+  steps 9 to 143", text)
    assert "`-- ACT403" in text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((1.0, float("nan"), 2.0), "steps 0 to 2: 1 to 2, 1 not finite"),
        ((1.0, float("inf"), float("-inf")), "always 1, 2 not finite"),
        ((float("nan"),) * 3, "limit 0.5, 3 not finite"),
        ((0.0, 0.0, 0.0), "always 0"),
        ((1e-9, 1.0, 1e9), "log scale"),
        ((-1e308, 0.0, 1e308), "-1e308 to 1e308"),
    ],
)
def test_a_curve_of_any_numbers(values: tuple[float, ...], says: str) -> None:
    evidence = Evidence("stat", float("nan"), 0.5, curve=tuple(enumerate(values)))
    finding = replace(story.HOT, text="broken", evidence=evidence)
    text = shown(replace(story.SICK, findings=(finding,)), 120, verbose=True)
    assert says in " ".join(text.split())


@pytest.mark.parametrize(
    ("overhead", "says"),
    [
        (0.0083, "recording took 515 ms at the start"),
        (0.05, "recording took 1.5 s at the start, then 2.58 % of the time"),
    ],
)
def test_the_cost_is_told_in_two_parts(overhead: float, says: str) -> None:
    seconds = Series(np.arange(3), np.array([1.0, float("nan"), 61.0]))
    trace = Trace(meta={}, table={("", "step_seconds"): seconds})
    diagnosis = replace(story.FINE, meta={**story.META, "overhead": overhead})
    assert says in " ".join(shown(diagnosis, 80, trace=trace).split())


def test_a_rule_that_fired_is_fine_only_elsewhere() -> None:
    checked = replace(story.CHECKED[0], code="ACT401", name="dead-units")
    text = shown(replace(story.SICK, checked=(checked,)), 80, verbose=True)
    assert "✓  ACT401 dead-units, elsewhere" in text


def test_a_cleared_finding_says_so() -> None:
    cleared = replace(story.HOT, cleared=True)
    text = shown(replace(story.SICK, findings=(cleared,)), 80)
    assert "steps 9 to 143, and no longer at the end" in " ".join(text.split())
