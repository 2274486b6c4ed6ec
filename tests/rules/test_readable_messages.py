"""Every sentence that a rule can say is short, plain and without the names of raw stats."""

import re

import pytest
from test_rule_contract import ROWS, RULES

from relume.core import Checked, Finding, NotChecked, Trace
from relume.diagnosis import run_rule
from relume.record.measure.stats import recorded_stats
from relume.registry import pages
from relume.report.rule_pages.pages import fix, rules
from relume.rules.outcome import judge
from relume.rules.plain_numbers import one_in, percent, times

LONGEST = 25
"""Words of a sentence; plain-language guides ask for 15 to 20 on average and 25 at most."""
BANNED = re.compile(
    r"\bdecades?\b|told right|hands on\b|\bsigns?\b|\bof ours\b|all that stands after|\bin vain\b"
    r"|\bnought\b"
)
RAW = re.compile(
    r"\b(" + "|".join(sorted({name for _, name in recorded_stats() if "_" in name})) + r")\b"
)


def sentences(text: str) -> list[str]:
    """The sentences of a text; what stands in brackets is read apart."""
    apart = re.findall(r"\(([^()]*)\)", text)
    bare = re.sub(r"\s*\([^()]*\)", "", text)
    return [s for part in (bare, *apart) for s in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", part) if s]


def faults(text: str) -> list[str]:
    found = [f"{len(s.split())} words: {s}" for s in sentences(text) if len(s.split()) > LONGEST]
    found += [f"{match[0]!r} in: {text}" for match in BANNED.finditer(text)]
    return found + [f"raw {match[0]!r} in: {text}" for match in RAW.finditer(text)]


def results(code: str) -> list[tuple[Trace, Finding | Checked | NotChecked]]:
    row = ROWS[code]
    traces = [row.make(value) for value in (*row.fires, *row.silent)]
    return [(trace, result) for trace in traces for result in run_rule(RULES[code], trace)]


@pytest.mark.parametrize("code", ROWS)
def test_every_message_is_readable(code: str) -> None:
    said: list[str] = []
    for trace, result in results(code):
        said.append(judge(trace).text)
        if isinstance(result, Finding):
            said += [result.message, result.cure]
        else:
            said.append(result.text if isinstance(result, Checked) else result.reason)
    assert said
    assert [fault for text in dict.fromkeys(said) for fault in faults(text)] == []


def test_what_a_person_sees_first_of_a_page_is_readable() -> None:
    summaries = {page.name: page.summary for page in rules()}
    for name in pages("relume.fixes"):
        found = fix(name)
        if found is not None:
            summaries[found.name] = found.summary
    assert len(summaries) > 80
    assert {n: faults(text) for n, text in summaries.items() if faults(text)} == {}


def test_the_test_can_fail() -> None:
    assert faults(" ".join(["word"] * 26))
    assert faults("it drifts by 3 decades")
    assert faults("update_ratio is 3")
    assert not faults("It is short. " * 9)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (times(1 / 2.2e-7), "4.5 million times"),
        (times(1e3), "1 thousand times"),
        (times(0.5), "2 times"),
        (one_in(3 / 704), "1 in 230"),
        (one_in(3 / 3000), "1 in 1,000"),
        (one_in(3 / 1e7), "1 in 3,300,000"),
        (percent(0.0034), "0.34 %"),
        (percent(1e-13), "1e-11 %"),
    ],
)
def test_numbers_are_as_a_reader_can_picture_them(written: str, expected: str) -> None:
    assert written == expected
