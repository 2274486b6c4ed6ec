"""What an edit covers, and with which numbers it is proposed, from diagnoses made by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from relume.acts.act import find_act
from relume.core import Diagnosis, Evidence, Fact, Finding, Outcome, Series, Severity, Site, Trace
from relume.core.trial import Edit
from relume.fixes.ladder import ladder


def finding(code: str, site: str, stat: str = "s", **more: object) -> Finding:
    evidence = Evidence(stat, 1.0, more=more)  # type: ignore[arg-type]
    line = int(more.get("line") or 0)  # type: ignore[call-overload]
    return Finding(code, "x", Severity.ERROR, site, (0, 9), "", evidence, line=line, file="a.py")


def rungs(fix: str, findings: Sequence[Finding], trace: Trace | None = None) -> list[Edit]:
    diagnosis = Diagnosis(tuple(findings), (), (), Outcome("stalled", ""))
    found = ladder(findings[0], diagnosis, trace or Trace({}))
    return [edit for edit in found if edit.fix == fix]


def rates(*values: float) -> Trace:
    steps = np.arange(len(values))
    return Trace({}, table={("", "learning_rate"): Series(steps, np.array(values))})


@pytest.mark.parametrize("rate", [3e-8, 1.2e-7, 4e-6, 2e-4])
def test_a_rate_is_raised_by_what_its_steps_lack(rate: float) -> None:
    factors = [e.options["factor"] for e in rungs("raise-learning-rate", [_slow(rate)])]
    assert abs(math.log10(rate * factors[0] / 1e-3)) <= 0.5  # type: ignore[operator]
    assert all(factor > 1 for factor in factors)  # type: ignore[operator]
    assert factors[1] == 10 * factors[0]  # type: ignore[operator]


def _slow(rate: float) -> Finding:
    return finding("ACT606", "", rate=rate)


def test_a_rate_that_was_not_measured_is_raised_by_decades() -> None:
    edits = rungs("raise-learning-rate", [finding("ACT606", "")])
    assert {edit.options["factor"] for edit in edits} == {10.0, 100.0, 1000.0}


def test_a_spike_of_the_rate_is_capped_at_the_usual_rate() -> None:
    spike = rates(*[0.1] * 100, *[100.0] * 5, *[0.1] * 135)
    edits = rungs("cap-learning-rate", [finding("ACT605", "")], spike)
    assert [edit.options["most"] for edit in edits] == [0.1]
    assert ladder(finding("ACT605", ""), Diagnosis((), (), (), Outcome("x", "")), spike)[0] in edits


@pytest.mark.parametrize(
    "schedule",
    [
        [0.1] * 200,
        [0.1 * (1 + math.cos(math.pi * k / 200)) / 2 for k in range(200)],
        [0.1 * 1000 ** (-k / 200) for k in range(200)],
        [0.1 * min((k + 1) / 20, (20 / (k + 1)) ** 0.5) for k in range(200)],
        [0.1 * max(1 - abs(k - 60) / 60, 0.01) for k in range(200)],
    ],
    ids=["constant", "cosine", "exponential", "inverse root", "triangle"],
)
def test_no_schedule_is_a_spike(schedule: list[float]) -> None:
    assert rungs("cap-learning-rate", [finding("ACT605", "")], rates(*schedule)) == []


def test_all_acts_that_harm_are_removed_at_once() -> None:
    pairs = [finding("ACT103", f"acts.{k}.1", second="sigmoid", effect="flat") for k in (0, 1)]
    idle = finding("ACT103", "acts.9", second="relu", effect="idle")
    edits = rungs("drop-act", [*pairs, idle])
    assert [edit.sites for edit in edits] == [("acts.0.1", "acts.1.1")]
    assert [edit.sites for edit in rungs("drop-idle-act", [idle, *pairs])] == [("acts.9",)]


def test_acts_on_several_lines_have_no_patch_of_one() -> None:
    lines = [finding("ACT103", f"a{k}", second="relu", effect="cut", line=k) for k in (3, 4)]
    assert [edit.line for edit in rungs("drop-act", lines)] == [0]
    same = [finding("ACT103", f"a{k}", second="relu", effect="cut", line=3) for k in (3, 4)]
    assert [edit.line for edit in rungs("drop-act", same)] == [3]


def test_every_layer_that_began_at_zero_is_drawn() -> None:
    facts = tuple(
        Fact("parameter", f"{name}.weight", 0, {"shape": (4, 4), "zero_init": zero})
        for name, zero in (("a", True), ("b", True), ("c", False), ("head", True))
    )
    zero = finding("ACT302", "a.weight", "zero_weights")
    edits = rungs("matching-init", [zero], Trace({}, facts=facts))
    assert [edit.sites for edit in edits] == [("a", "b", "head")]
    alike = [finding("ACT302", f"{name}.weight", "row_cosine_min") for name in ("c", "b")]
    edits = rungs("matching-init", alike, Trace({}, facts=facts))
    assert [edit.sites for edit in edits] == [("c", "b")]


@pytest.mark.parametrize(
    ("act", "shut", "open_", "values"),
    [
        ("sigmoid", 0.9, 0.0, [1.0, 2.0]),
        ("sigmoid", 0.1, 0.8, []),  # it begins open already
        ("softmax", 0.9, 0.0, []),  # a router: a bias moves all alike
    ],
)
def test_gates_that_are_shut_are_opened(
    act: str, shut: float, open_: float, values: list[float]
) -> None:
    one = finding("ACT502", "shut", act=act, shut=shut, open=open_)
    site = Site.of_act(act, find_act(act).traits, "shut")
    edits = rungs("open-gate", [replace(one, layer="gate")], Trace({}, (site,)))
    assert [edit.options["value"] for edit in edits] == values
    assert all(edit.sites == ("gate",) for edit in edits)


def test_only_layers_that_are_not_finite_are_drawn_where_an_act_hides_it() -> None:
    hidden = replace(finding("ACT803", "acts.0"), layer="fcs.0")
    first = finding("ACT604", "fcs.0.weight")
    (edit,) = rungs("matching-init", [hidden, first])
    assert edit.sites == ("fcs.0",)
    assert rungs("matching-init", [hidden]) == []  # it is made by an operation: nothing to draw
    assert rungs("matching-init", [hidden, finding("ACT604", "fcs.1.weight")]) == []


@pytest.mark.parametrize(
    ("dtype", "rate", "factors"),
    [("float32", 1e-10, [1e7, 1e8, 1e6]), ("bfloat16", 2e-5, [])],
)
def test_a_rate_that_the_type_rounds_away_is_raised_in_float32(
    dtype: str, rate: float, factors: list[float]
) -> None:
    edits = rungs(
        "raise-learning-rate", [finding("ACT908", "", "lost_update_share", dtype=dtype, rate=rate)]
    )
    assert [edit.options["factor"] for edit in edits] == factors


def test_only_an_eps_that_outweighs_the_gradient_is_lowered() -> None:
    for stat, count in (("eps_over_gradient", 1), ("lost_update_share", 0)):
        assert len(rungs("usual-eps", [finding("ACT908", "", stat)])) == count
