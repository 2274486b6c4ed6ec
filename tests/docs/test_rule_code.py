"""The code of the rules' pages does what the pages say; the pictures show what commands print."""

import json
import re
from pathlib import Path

import picture
import pytest
import rule_code

from relume.report.rule_pages.pages import rules

SAMPLE = ("softmax-before-cross-entropy", "gradients-not-cleared", "other-act-than-named")
"""Run by `make test`: an output, a wiring, a check before any training; the others are slow."""
NAMES = [
    name if name in SAMPLE else pytest.param(name, marks=pytest.mark.slow)
    for name in (rule.name for rule in rules())
]
SAID = json.loads(rule_code.MESSAGES.read_text("utf-8"))


def test_every_rule_has_code_and_a_message_and_no_other_name_has() -> None:
    names = {rule.name for rule in rules()}
    assert {path.stem.replace("_", "-") for path in rule_code.FOLDER.glob("*.py")} == names
    assert set(SAID) == names


@pytest.mark.parametrize("rule", [rule.name for rule in rules()])
def test_bad_and_good_are_programs_that_differ(rule: str) -> None:
    bad, good = rule_code.scripts(rule)
    compile(bad, "bad.py", "exec")
    compile(good, "good.py", "exec")
    assert bad != good
    assert rule_code.changed(rule, "bad") or rule_code.changed(rule, "good")
    for script in (bad, good):
        assert "# bad" not in script
        assert "# good" not in script


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("rule", NAMES)
def test_the_bad_code_is_named_and_the_good_is_not(rule: str) -> None:
    bad, good = (rule_code.diagnosed(script) for script in rule_code.scripts(rule))
    assert rule_code.of_rule(rule, bad), f"{rule} is not named"
    assert not rule_code.of_rule(rule, good), f"{rule} is named in the good code"
    said, now = SAID[rule].splitlines()[0], rule_code.message(rule, bad).splitlines()[0]
    head = f" {rule}: "
    assert said.partition(head)[0].split()[-1] == now.partition(head)[0].split()[-1]  # the code


def shared(drawn: list[str], printed: list[str]) -> float:
    """The share of a picture's words, numbers left out, that the command prints too."""
    now = set(re.findall(r"[A-Za-z_]{2,}", " ".join(printed)))
    words = set(re.findall(r"[A-Za-z_]{2,}", " ".join(drawn)))
    return len(words & now) / len(words)


def drawn(command: str) -> list[str]:
    return picture.lines_of((picture.FOLDER / f"{command}.svg").read_text("utf-8"))


def test_a_picture_of_other_words_is_rejected() -> None:
    assert len(drawn("run")) > 10
    assert shared(drawn("run"), drawn("run")) == 1
    assert shared(drawn("run"), drawn("fix")) < 0.9


@pytest.mark.parametrize("command", ["run", pytest.param("fix", marks=pytest.mark.slow)])
def test_a_picture_is_current(command: str, tmp_path: Path) -> None:
    """Nine words in ten: a line on the recording's cost is there or not, as the machine is fast."""
    printed = picture.lines_of(picture.svg(picture.printed(command, tmp_path), ""))
    assert shared(drawn(command), printed) >= 0.9, "make it anew: python docs/picture.py"
