"""The forms that programs read: valid by their own schemas, whatever a name contains."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import story_of_a_death as story
from test_diagnosis_text import HOSTILE

from relume.core import Diagnosis, Severity, Silenced
from relume.report.machine.diagnosis_schema import schema
from relume.report.machine.github import github
from relume.report.machine.junit import junit
from relume.report.machine.sarif import fingerprint, sarif
from relume.report.notebook.cell import cell
from relume.report.rule_pages.pages import rules

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
MORE = {
    **HOSTILE,
    "html": "<script>alert(1)</script>\"'&",
    "cdata": "]]><x/>",
    "workflow": "a%0A::error::b,c:d\r\n::stop-commands::x",
    "control": "".join(chr(i) for i in range(32)) + "\x7f\x85\ufffe\uffff",
}


def hostile(text: str, diagnosis: Diagnosis = story.SICK) -> Diagnosis:
    """The story with that text wherever a person's words can stand."""
    braces = text.replace("{", "{{").replace("}", "}}")
    findings = tuple(
        replace(
            f,
            site=text,
            file=text,
            text=braces,
            cure=text,
            evidence=replace(f.evidence, more={**f.evidence.more, "act": text}),
        )
        for f in diagnosis.findings
    )
    return replace(
        diagnosis,
        findings=findings[:3],
        not_checked=tuple(
            replace(n, site=text, reason=text, remedy=text) for n in diagnosis.not_checked
        ),
        checked=tuple(replace(c, text=text) for c in diagnosis.checked),
        suppressed=(Silenced(findings[3], "comment", text, text),),
        meta={**diagnosis.meta, "script": text, "run": text},
        outcome=replace(diagnosis.outcome, text=text),
    )


CASES = {
    "sick": story.SICK,
    "fine": story.FINE,
    "empty": story.EMPTY,
    "many": story.MANY,
    "silenced": replace(
        story.SICK,
        findings=story.SICK.findings[:3],
        suppressed=tuple(
            Silenced(f, by, "here", "on purpose")
            for f, by in zip(story.SICK.findings[3:], ("comment", "baseline"), strict=True)
        ),
        meta={
            **story.META,
            "baseline": {
                "file": "known.json",
                "known": 1,
                "new": 3,
                "gone": [{"code": "ACT401", "name": "dead-units", "site": "net.9", "act": "relu"}],
            },
        },
    ),
    **{f"hostile {key}": hostile(text) for key, text in MORE.items()},
}
every = pytest.mark.parametrize("case", CASES)


@cache
def official() -> Any:
    text = (HERE / "sarif-2.1.0-rtm.5.json").read_text("utf-8")
    return jsonschema.Draft7Validator(
        json.loads(text), format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    )


@cache
def ours() -> Any:
    text = (ROOT / "docs" / "schema" / "diagnosis-1.json").read_text("utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


def carried(text: str) -> Any:
    """JSON as it arrives: encoded as our writer encodes it, and read again."""
    return json.loads(text.encode("utf-8", "backslashreplace"))


# --- JSON ---------------------------------------------------------------------------------------


def test_the_published_schema_is_current() -> None:
    kept = json.loads((ROOT / "docs" / "schema" / "diagnosis-1.json").read_text("utf-8"))
    assert kept == schema(), (
        "python -m relume.report.machine.diagnosis_schema docs/schema/diagnosis-1.json"
    )


@every
def test_json_is_valid_by_its_schema(case: str) -> None:
    ours().validate(carried(CASES[case].to_json()))


@pytest.mark.parametrize(
    "broken",
    [
        {"schema": 2},
        {"ok": "yes"},
        {"findings": [{"code": "ACT401"}]},
        {"outcome": {"name": "fine", "text": "", "numbers": {}}},
    ],
)
def test_the_schema_rejects_a_broken_twin(broken: Mapping[str, Any]) -> None:
    told = {**carried(story.SICK.to_json()), **broken}
    assert not ours().is_valid(told)


# --- SARIF --------------------------------------------------------------------------------------


@every
def test_sarif_is_valid_by_the_official_schema(case: str) -> None:
    official().validate(carried(sarif(CASES[case], rules())))


def test_the_official_schema_rejects_a_broken_twin() -> None:
    log = carried(sarif(story.SICK))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not official().is_valid(log)


def run_of(diagnosis: Diagnosis) -> dict[str, Any]:
    return carried(sarif(diagnosis, rules()))["runs"][0]


def test_sarif_tells_what_where_and_how_to_help() -> None:
    run = run_of(story.SICK)
    asked = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in asked] == sorted({rule["id"] for rule in asked})
    dead = next(rule for rule in asked if rule["id"] == "ACT401")
    assert dead["name"] == "dead-units"
    assert "How it is measured" in dead["help"]["markdown"]
    assert "dead units" in dead["properties"]["tags"]
    results = run["results"]
    assert [r["level"] for r in results] == ["error", "warning", "error", "note", "none"]
    assert all(asked[r["ruleIndex"]]["id"] == r["ruleId"] for r in results)
    assert "A symptom of ACT605" in results[1]["message"]["text"]
    gone = results[1]["locations"][0]
    assert gone["physicalLocation"]["artifactLocation"] == {"uri": "file:///gone/models/mlp.py"}
    assert gone["physicalLocation"]["region"] == {"startLine": 27}
    assert gone["logicalLocations"][0]["fullyQualifiedName"] == "net.1"
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert len(notes) == len(story.NOT_CHECKED)


def test_sarif_paths_below_here_are_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    moved = replace(story.DEAD, file=str(tmp_path / "a b" / "net%.py"), explained_by=())
    (result,) = run_of(replace(story.SICK, findings=(moved,)))["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "a%20b/net%25.py", "uriBaseId": "SRCROOT"}


def test_a_fingerprint_is_of_rule_site_and_act_alone() -> None:
    dead = story.DEAD
    later = replace(dead, steps=(1, 2), line=99, evidence=replace(dead.evidence, value=0.1))
    assert fingerprint(dead) == fingerprint(later)
    acted = replace(dead, evidence=replace(dead.evidence, more={**dead.evidence.more, "act": "x"}))
    others = [replace(dead, code="ACT402"), replace(dead, site="net.2"), acted]
    assert len({fingerprint(f) for f in (dead, *others)}) == 4


def test_sarif_says_what_was_silenced_and_what_is_new() -> None:
    results = run_of(CASES["silenced"])["results"]
    suppressed = [r.get("suppressions", [{}])[0].get("kind") for r in results]
    assert suppressed == [None, None, None, "inSource", "external"]
    assert [r["baselineState"] for r in results] == ["new"] * 4 + ["unchanged"]
    assert results[3]["suppressions"][0]["justification"] == "on purpose"


# --- GitHub -------------------------------------------------------------------------------------

COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^,:\r\n]*,?)+)::([^\r\n]*)")


def unescaped(text: str) -> str:
    """As the runner reads it: the percent sign last."""
    pairs = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    return re.sub("%(0D|0A|3A|2C|25)", lambda m: pairs[m[0]], text)


@every
def test_github_is_one_sound_command_a_finding(case: str) -> None:
    diagnosis = CASES[case]
    lines = github(diagnosis).splitlines()
    assert len(lines) == sum(f.severity > Severity.FACT for f in diagnosis.findings)
    for line in lines:
        assert COMMAND.fullmatch(line), line[:200]


def test_github_tells_roots_gravely_and_symptoms_as_notices() -> None:
    commands = [COMMAND.fullmatch(line) for line in github(story.SICK).splitlines()]
    told = [(m[1], dict(p.split("=", 1) for p in m[2].split(",")), m[3]) for m in commands if m]
    assert [kind for kind, _, _ in told] == ["error", "notice", "notice", "notice"]
    assert told[1][1] == {
        "file": "/gone/models/mlp.py",
        "line": "27",
        "title": "ACT403 died-in-training",
    }
    assert "A symptom of ACT605" in unescaped(told[1][2])
    assert "Try first: Divide the learning rate" in unescaped(told[0][2])
    assert "52%25 of their size" in told[0][2]


def test_github_gives_a_symptom_the_cure_of_its_root() -> None:
    own = replace(story.DEAD, cure="swap relu for gelu.", explained_by=("ACT403@net.1",))
    lines = github(replace(story.SICK, findings=(story.HOT, story.DIED, own))).splitlines()
    assert "Try first: Divide the learning rate" in lines[-1]
    assert "swap relu" not in lines[-1]


def test_github_carries_signs_through() -> None:
    odd = replace(story.DEAD, site="a:b,c%d", file="x,y:z%.py", explained_by=())
    (line,) = github(replace(story.SICK, findings=(odd,))).splitlines()
    assert "file=x%2Cy%3Az%25.py," in line
    assert "units of a:b,c%25d gave" in line


# --- JUnit --------------------------------------------------------------------------------------


@every
def test_junit_parses_and_its_counts_are_right(case: str) -> None:
    diagnosis = CASES[case]
    data = junit(diagnosis).encode("utf-8")  # no surrogate is left
    suite = ElementTree.fromstring(data)[0]
    cases = suite.findall("testcase")
    assert int(suite.attrib["tests"]) == len(cases)
    assert int(suite.attrib["failures"]) == len(suite.findall(".//failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall(".//skipped"))
    codes = {f.code for f in diagnosis.findings if f.severity >= Severity.WARNING}
    assert len(suite.findall(".//failure")) == len(codes)


def cases_of(diagnosis: Diagnosis, fail_on: Severity = Severity.WARNING) -> dict[str, str]:
    """By rule: how its case ended."""
    root = ElementTree.fromstring(junit(diagnosis, fail_on).encode())
    told: dict[str, str] = {}
    for each in root.iter("testcase"):
        kinds = {child.tag for child in each}
        told[each.attrib["name"].split()[0]] = (
            "failure" if "failure" in kinds else "skipped" if "skipped" in kinds else "passed"
        )
    return told


def test_junit_fails_what_harms_and_skips_what_could_not_look() -> None:
    told = cases_of(story.SICK)
    assert {code for code, end in told.items() if end == "failure"} == {
        "ACT605",
        "ACT403",
        "ACT401",
    }
    assert told["ACT501"] == told["ACT101"] == "passed"
    assert told["ACT402"] == "skipped"
    assert cases_of(story.SICK, Severity.NOTE)["ACT501"] == "failure"
    assert cases_of(story.SICK, Severity.ERROR)["ACT403"] == "passed"
    assert cases_of(CASES["silenced"])["ACT501"] == "passed"


# --- a notebook ---------------------------------------------


@every
def test_the_cell_is_sound_html_without_a_word_that_acts(case: str) -> None:
    html = cell(CASES[case])
    ElementTree.fromstring(html)  # well-formed, so nothing broke out of its place
    assert "<script" not in html
    assert "\x1b" not in html


def test_the_cell_tells_the_story() -> None:
    html = story.SICK._repr_html_()
    for word in ("ACT605", "learning-rate-high", "Try first:", "which explains", "not checked"):
        assert word in html
