"""One contract for every lesson, one row a lesson; the claims that have to have one."""

import json
import math
import re
from functools import cache
from pathlib import Path

import pytest
from states import states

from relume.acts.act import shipped
from relume.atlas import lesson as room
from relume.atlas.experiment import experiments
from relume.atlas.figure import Figure
from relume.atlas.lesson import GROUPS, KINDS, Lesson, about, lessons, read, texts
from relume.atlas.site_builder import page_figures
from relume.registry import pages

WHY = ("fit", "boundary", "boundary", "depth", "timeline")
ROWS = {
    **{f"W{n}": kind for n, kind in enumerate(WHY, 1)},
    "F1": "curve", "F2": "curve depth", "F3": "curve", "F4": "cloud curve", "F5": "shape",
    "F6": "curve", "F7": "shape", "F8": "classes", "F9": "head", "F10": "curve means",
    "P1": "curve means", "P2": "depth", "P3": "descent", "P4": "cloud", "P5": "birth cloud",
    "P6": "boundary", "P7": "birth", "P8": "", "P9": "bars", "P10": "depth",
    "P11": "", "P12": "",
    "A1": "boundary", "A2": "boundary", "A3": "head",
    "C1": "", "C2": "means", "C3": "shape",
}  # fmt: skip
"""Every claim, and the kinds of the figures that show it; others show what was measured."""

CORRECTED = {"W4", "F3", "F4", "F5", "F6", "F7", "P2", "P3", "P6", "P7", "P8", "A1", "A2"} | {
    "C1",
    "C2",
    "C3",
}
BOOK = {one.text.claim: one for one in lessons()}


def test_every_claim_has_its_lesson(capsys: pytest.CaptureFixture[str]) -> None:
    for letter, name in GROUPS.items():
        claims = [claim for claim in ROWS if claim.startswith(letter)]
        have = [claim for claim in claims if claim in BOOK]
        print(f"{name:<28} {len(have)} of {len(claims)} claims have a lesson")
    assert list(BOOK) == list(ROWS)
    assert len({one.text.name for one in BOOK.values()}) == len(BOOK)
    printed = capsys.readouterr().out
    assert printed.count("claims have a lesson") == len(GROUPS)


def keeps_contract(one: Lesson, kinds: str) -> None:
    """Everything that a lesson owes."""
    for kind in KINDS:
        for name in one.text.belongs(kind):
            assert name in names(kind), f"{kind} has no {name}"
    assert one.text.belongs("rules"), "it belongs to no rule"
    assert one.text.belongs("cards"), "it belongs to no card"
    assert "`" in one.text.sections["Repeat it"], "nothing to repeat it with"
    for name in one.experiments:
        assert name in experiments()
    commands = re.findall(r"relume atlas --measure ([a-z0-9-]+)", one.text.sections["Repeat it"])
    assert set(commands) <= set(experiments())
    moving, measured = page_figures(one)
    assert [figure.kind for figure in moving.values()] == kinds.split()
    assert moving or measured, "nothing is shown"
    assert len(measured) == len(one.experiments), "an experiment has no stored result"
    for figure in [*moving.values(), *measured.values()]:
        sound(figure)


def sound(figure: Figure) -> None:
    """A figure whose start and presets are states of it, and say something with all numbers in."""
    json.dumps(figure.to_json(), allow_nan=False)
    known = {control.name: control for control in figure.controls}
    for state in ({}, *(preset.state for preset in figure.presets)):
        assert set(state) <= set(known), f"{figure.title}: no control for {state}"
        for name, value in {**figure.start, **state}.items():
            assert known[name].problem(value) is None, known[name].problem(value)
    start = figure.readings(figure.start)
    assert set(figure.labels) <= set(start)
    assert all(not math.isnan(v) for v in start.values()) or figure.kind == "bars"
    said = figure.sentence(figure.start)
    assert said
    assert not re.search(r"[{}]|not a number", said), said
    assert figure.readings(figure.start) == start or figure.kind == "bars", "not deterministic"


@cache
def names(kind: str) -> set[str]:
    """What a lesson may name."""
    if kind == "cards":
        return set(shipped())
    files = pages(f"relume.{kind}").values()
    found = {re.match(r"(?:ACT\d{3} )?([a-z0-9-]+): ", text) for text in files}
    return {match[1] for match in found if match}


@pytest.mark.parametrize("claim", ROWS)
def test_a_lesson_keeps_its_contract(claim: str) -> None:
    keeps_contract(BOOK[claim], ROWS[claim])


@pytest.mark.parametrize("claim", ROWS)
def test_corrections_stand_where_the_article_is_wrong(claim: str) -> None:
    assert ("Correction" in BOOK[claim].text.sections) == (claim in CORRECTED)


@pytest.mark.parametrize(
    ("cut", "words"),
    [("## What you see\n", "needs"), ("P4 dying-relu:", "must begin"), ("## Claim", "needs")],
)
def test_a_broken_docstring_is_rejected(cut: str, words: str) -> None:
    text = pages("relume.atlas.lessons")["p4_dying_relu"]
    assert read(text).claim == "P4"
    with pytest.raises(ValueError, match=words):
        read(text.replace(cut, ""))


def test_a_broken_lesson_is_rejected() -> None:
    one = BOOK["P4"]
    other = room.Lesson(
        read(pages("relume.atlas.lessons")["p4_dying_relu"].replace("dead-units", "dead-unit")),
        one.figures,
    )
    with pytest.raises(AssertionError, match="rules has no dead-unit"):
        keeps_contract(other, "cloud")
    with pytest.raises(AssertionError):
        keeps_contract(one, "curve")


def test_links_lead_both_ways() -> None:
    for text in texts():
        for kind in KINDS:
            for name in text.belongs(kind):
                assert text in about(kind, name)
    assert about("rules", "dead-units")[0].claim == "W3"
    assert about("rules", "no-such-rule") == ()


RECORDING = {"not-observable", "too-few-samples", "failed-step"}
"""Rules that say what could not be seen, or quote what torch raised: nothing to learn of a net."""


def without_lesson(rules: set[str]) -> set[str]:
    """The rules that no lesson names."""
    return {name for name in rules if not about("rules", name)}


def test_every_rule_has_a_place_in_a_lesson() -> None:
    assert without_lesson(names("rules")) == RECORDING


def test_a_rule_without_a_lesson_is_found() -> None:
    assert without_lesson({"dead-units", "a-new-rule"}) == {"a-new-rule"}


def test_the_texts_load_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from relume.atlas.lesson import about; assert about('rules', 'dead-units');"
        "assert not {'torch', 'numpy'} & set(sys.modules), 'it loads torch'"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_states_are_many_and_valid() -> None:
    """The browser's tests try these; an empty list would test nothing."""
    figure = BOOK["P4"].figures()[0]
    tried = states(figure)
    assert len(tried) > 15
    known = {control.name: control for control in figure.controls}
    assert all(known[n].problem(v) is None for state in tried for n, v in state.items())
