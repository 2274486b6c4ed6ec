"""The nouns: what they look up, what they say, and what they become as JSON."""

import json
import math
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from relume.core import (
    Checked,
    Diagnosis,
    Evidence,
    Fact,
    Finding,
    NotChecked,
    Outcome,
    Series,
    Severity,
    Site,
    Trace,
    plain,
)


def finding(code: str = "ACT401", site: str = "fc2", **more: object) -> Finding:
    given: dict[str, object] = {
        "name": "dead-units",
        "severity": Severity.ERROR,
        "steps": (143, 300),
        "text": "{value:.0%} of {units} units at {site} gave no output on {samples} samples",
        "evidence": Evidence("dead_unit_share", 0.61, 0.25, 4096, {"units": 64}),
    }
    return Finding(code=code, site=site, **(given | more))  # pyright: ignore[reportArgumentType]


def diagnosis(*findings: Finding) -> Diagnosis:
    return Diagnosis(
        findings=findings,
        checked=(Checked("ACT301", "scale-drift-at-init", "0.2 decades"),),
        not_checked=(NotChecked("ACT501", "saturated-units", "lstm", "fused", "use LSTMCell"),),
        outcome=Outcome("stalled", "The loss stayed at 2.30.", {"end": math.inf}),
        ruled_out=(Checked("ACT605", "learning-rate-high", "0.02 at most"),),
        meta={"steps": 300, "argv": ("--lr", "1")},
    )


ROOT = finding("ACT605", "", explains=("ACT401@fc2",))
SYMPTOM = finding(explained_by=("ACT605@",))


def test_a_message_quotes_the_evidence() -> None:
    assert finding().message == "61% of 64 units at fc2 gave no output on 4096 samples"
    assert finding(site="", text="{site} has {threshold}").message == "the model has 0.25"


@pytest.mark.parametrize("text", ["{loss}", "{units} of {total}", "{code}", "{steps}"])
def test_a_message_cannot_quote_anything_else(text: str) -> None:
    with pytest.raises(KeyError):
        _ = finding(text=text).message


def test_more_cannot_hide_the_measured_value() -> None:
    evidence = Evidence("share", 0.5, None, 7, {"value": 99, "samples": 99, "side": "low"})
    assert evidence.quotable() == {"value": 0.5, "threshold": None, "samples": 7, "side": "low"}


def test_roots_are_what_nothing_explains() -> None:
    given = diagnosis(ROOT, SYMPTOM)
    assert given.roots == (ROOT,)
    assert given.symptoms_of(ROOT) == (SYMPTOM,)
    assert given.symptoms_of(SYMPTOM) == ()


@pytest.mark.parametrize(
    ("severities", "ok"),
    [
        ([], True),
        ([Severity.FACT, Severity.NOTE], True),
        ([Severity.WARNING], False),
        ([Severity.FACT, Severity.ERROR], False),
    ],
)
def test_ok_is_nothing_of_warning_or_above(severities: list[Severity], ok: bool) -> None:
    found = [finding(site=str(at), severity=level) for at, level in enumerate(severities)]
    assert diagnosis(*found).ok is ok


def test_printed_it_is_the_story() -> None:
    text = str(diagnosis(finding("ACT605", "", explains=(SYMPTOM.key,), cure="lower it"), SYMPTOM))
    assert text.splitlines() == [
        "The loss stayed at 2.30.",
        "error: ACT605 dead-units",
        "  61% of 64 units at the model gave no output on 4096 samples",
        "  which explains dead-units at fc2",
        "  try first: lower it",
    ]
    assert str(diagnosis()).endswith("Nothing of warning or above was found.")
    assert "\x1b" not in str(diagnosis(finding(site="\x1b[31mred")))


def test_json_has_every_field_under_its_name() -> None:
    given = diagnosis(ROOT, SYMPTOM)
    told = json.loads(given.to_json())
    assert set(told) == {field.name for field in fields(Diagnosis)} | {"ok", "roots", "schema"}
    assert told["ok"] is False
    assert told["roots"] == ["ACT605@"]
    assert told["meta"] == {"steps": 300, "argv": ["--lr", "1"]}
    assert told["outcome"]["numbers"] == {"end": "inf"}
    assert told["not_checked"][0]["remedy"] == "use LSTMCell"
    first, second = told["findings"]
    assert set(first) == {field.name for field in fields(Finding)} | {"message", "key"}
    assert (second["key"], second["severity"]) == ("ACT401@fc2", "error")
    assert (second["steps"], second["explained_by"]) == ([143, 300], ["ACT605@"])
    assert second["raw_severity"] is None
    assert set(second["evidence"]) == {field.name for field in fields(Evidence)}
    assert second["message"] == SYMPTOM.message


def test_json_holds_no_token_that_json_does_not_know() -> None:
    broken = finding(evidence=Evidence("rms", math.nan, -math.inf, 1, {"units": math.inf}))

    def refuse(token: str) -> None:
        raise AssertionError(token)

    told = json.loads(diagnosis(broken).to_json(indent=None), parse_constant=refuse)
    evidence = told["findings"][0]["evidence"]
    assert (evidence["value"], evidence["threshold"]) == ("nan", "-inf")
    assert evidence["more"] == {"units": "inf"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (1.5, 1.5),
        (True, True),
        (None, None),
        ("é", "é"),
        (Severity.WARNING, "warning"),
        ((1, (2.0, math.inf)), [1, [2.0, "inf"]]),
        ({1: {"a": ()}}, {"1": {"a": []}}),
        (
            Fact("end", data={"code": 1}),
            {"kind": "end", "site": "", "step": 0, "data": {"code": 1}},
        ),
    ],
)
def test_plain(value: object, told: object) -> None:
    assert plain(value) == told
    assert type(plain(value)) is type(told)


def test_severities_are_ordered_and_speak_lower_case() -> None:
    assert sorted(Severity, reverse=True) == [
        Severity.ERROR,
        Severity.WARNING,
        Severity.NOTE,
        Severity.FACT,
    ]
    assert [str(level) for level in Severity] == ["fact", "note", "warning", "error"]


def test_a_trace_looks_up_what_it_holds() -> None:
    series = Series(np.array([0, 5]), np.array([0.5, math.inf]))
    relu = Site("relu()", "act", "relu")
    gate = Site("gate", "act", "sigmoid", role="gate")
    head = Site("out", "head")
    facts = (Fact("end"), Fact("criterion", data={"loss": "mse"}), Fact("end", step=3))
    trace = Trace({}, (relu, gate, head), {("relu()", "post_rms"): series}, {}, facts)
    assert trace.series("relu()", "post_rms") is series
    assert trace.series("relu()", "pre_rms") is None
    assert len(series) == 2
    assert trace.sites_of("act") == (relu, gate)
    assert trace.sites_of("act", "gate", "output") == (gate,)
    assert trace.site("out") is head
    assert trace.site("nowhere") is None
    assert trace.windows("relu()") == ()
    assert [fact.step for fact in trace.facts_of("end")] == [0, 3]


def test_nouns_are_frozen_and_slotted() -> None:
    with pytest.raises(FrozenInstanceError):
        ROOT.code = "ACT999"  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(ROOT, "__dict__")


def test_core_needs_no_numpy() -> None:
    code = "import sys, relume.core; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
