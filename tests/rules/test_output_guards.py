"""Structure, output and loss: what the rules of the first two families leave alone, and why."""

from dataclasses import replace

import faults
import numpy as np
import pytest
import signal_traces as signal
from traces import CHANCE, Build, flat, healthy, learning

from relume.acts.act import find_act
from relume.core import Finding, Severity, Site, Trace
from relume.diagnosis import diagnose
from relume.rules.structure.act_after_act import effect


def found(trace: Trace, code: str) -> list[Finding]:
    return [f for f in diagnose(trace, select=[code]).findings if f.code == code]


def unchecked(trace: Trace, code: str) -> str:
    return " ".join(n.reason for n in diagnose(trace, select=[code]).not_checked)


# --- 102 acting-linear --------------------------------------------------------------------------


def test_a_silent_layer_is_dead_and_not_linear() -> None:
    build = faults.fields(healthy(flat()), "act2", active=np.zeros(100))
    assert not found(build.trace(), "ACT102")


@pytest.mark.parametrize(("share", "fires"), [(0.99, True), (0.989, False)])
def test_a_unit_is_straight_from_ninety_nine_per_cent_of_its_samples(
    share: float, fires: bool
) -> None:
    build = faults.fields(healthy(flat()), "act2", active=np.full(100, share))
    assert bool(found(build.trace(), "ACT102")) is fires


@pytest.mark.parametrize(("left", "fires"), [(0.99e-5, True), (1.01e-5, False), (0.1, False)])
def test_a_curved_act_is_straight_by_what_a_line_leaves(left: float, fires: bool) -> None:
    assert bool(found(faults.bent(left), "ACT102")) is fires


def test_a_curved_act_that_was_not_fitted_is_not_checked() -> None:
    trace = healthy(flat(), act="tanh", low=0.0).trace()
    assert "straight line" in unchecked(trace, "ACT102")


def test_two_windows_and_three_thousand_samples_are_needed() -> None:
    build = faults.fields(healthy(flat(), rows=10), "act2", active=np.ones(100))
    assert not found(build.trace(), "ACT102")
    assert "samples a unit" in unchecked(build.trace(), "ACT102")


# --- 103 act-after-act --------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["gate", "attention"])
def test_gates_are_no_act_after_an_act(role: str) -> None:
    build = healthy(flat()).fact("act-pair", "act1", first="relu", second="sigmoid", role=role)
    assert not found(build.trace(), "ACT103")


def test_an_idle_act_is_a_note_and_a_harmful_one_a_warning() -> None:
    for first, second, severity in (
        ("sigmoid", "relu", Severity.NOTE),
        ("sigmoid", "sigmoid", Severity.WARNING),
        ("log_sigmoid", "relu", Severity.WARNING),
    ):
        build = healthy(flat()).fact("act-pair", "act1", first=first, second=second)
        (finding,) = found(build.trace(), "ACT103")
        assert finding.severity == severity


def test_pairs_that_cost_nothing_are_left_alone() -> None:
    for pair in (("relu", "tanh"), ("tanh", "relu"), ("tanh", "tanh"), ("relu", "gelu")):
        first, second = (Site.of_act(name, find_act(name).traits) for name in pair)
        assert effect(first, second) == ""


def test_a_recording_that_did_not_look_is_not_checked() -> None:
    assert "not recorded" in unchecked(healthy().trace(), "ACT103")
    looked = replace(healthy().trace(), meta={"looks_for": ["act-pair", "softmax"]})
    assert not unchecked(looked, "ACT103")
    assert not unchecked(looked, "ACT205")


# --- 203 one-sided-head -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "loss", "severity"),
    [
        ("relu", "cross_entropy", Severity.ERROR),
        ("sigmoid", "cross_entropy", Severity.ERROR),
        ("tanh", "cross_entropy", Severity.WARNING),
        ("relu", "bce_with_logits", Severity.ERROR),
    ],
)
def test_logits_that_are_bounded(act: str, loss: str, severity: Severity) -> None:
    (finding,) = found(faults.regression(act, loss, units=10, classes=10).trace(), "ACT203")
    assert finding.severity == severity


@pytest.mark.parametrize("act", ["softplus", "gelu", "hardtanh", "leaky_relu", ""])
def test_acts_that_let_any_difference_through(act: str) -> None:
    assert not found(faults.regression(act, "cross_entropy", units=10).trace(), "ACT203")


def test_the_floor_of_a_tanh_is_the_one_on_the_page() -> None:
    (finding,) = found(
        faults.regression("tanh", "cross_entropy", units=10, classes=10).trace(), "ACT203"
    )
    assert finding.evidence.value == pytest.approx(0.797, abs=1e-3)


def test_an_act_that_is_scaled_afterwards_is_not_judged() -> None:
    build = faults.regression("tanh", "cross_entropy", units=10)
    build.facts = [
        replace(f, data={**f.data, "direct": False}) if f.kind == "head" else f for f in build.facts
    ]
    assert not found(build.trace(), "ACT203")
    build = faults.regression("tanh", target_min=-5.0, target_max=5.0)
    build.facts = [
        replace(f, data={**f.data, "direct": False}) if f.kind == "head" else f for f in build.facts
    ]
    assert not found(build.trace(), "ACT204")
    assert "scaled" in unchecked(build.trace(), "ACT204")


@pytest.mark.parametrize(("error", "fires"), [(1.01e-3, True), (1e-3, False), (0.99e-3, False)])
def test_rows_under_a_likelihood(error: float, fires: bool) -> None:
    assert bool(found(faults.unnormalised(error), "ACT203")) is fires


def test_a_rectified_output_that_is_silent_everywhere() -> None:
    for share, fires in ((1.0, True), (0.99, False)):
        build = healthy(flat(), dead_from={})
        build.act("out", dead_from=dict.fromkeys(range(round(100 * share)), 0))
        build.sites = [replace(s, role="output") if s.name == "out" else s for s in build.sites]
        assert bool(found(build.trace(), "ACT203")) is fires


def test_a_softmax_over_one_unit_is_a_constant() -> None:
    assert found(faults.regression("softmax", "mse").trace(), "ACT203")
    assert not found(faults.regression("softmax", "mse", units=2).trace(), "ACT203")


@pytest.mark.parametrize(
    ("act", "what", "fires"),
    [
        ("relu", "mean_act", True),
        ("softplus", "mean_act", True),
        ("sigmoid", "log_variance_act", True),
        ("tanh", "mean_act", False),
        ("tanh", "log_variance_act", False),
    ],
)
def test_latents_that_cannot_go_below_zero_are_named(act: str, what: str, fires: bool) -> None:
    build = signal.latents(8).act("fold", act)
    build.fact("latents", "mu", **{"what": "gaussian", "used": 8, "units": 8, what: "fold"})
    told = [f for f in found(build.trace(), "ACT203") if f.site == "fold"]
    assert bool(told) is fires
    assert all(f.severity is Severity.WARNING for f in told)


# --- 204 target-outside-range -------------------------------------------------------------------


def test_one_whole_width_beyond_is_an_error() -> None:
    for excess, severity in ((0.99, Severity.WARNING), (1.0, Severity.ERROR)):
        (finding,) = found(faults.beyond(excess), "ACT204")
        assert finding.severity == severity


def test_an_open_range_reaches_everything() -> None:
    trace = faults.regression("", target_min=-90.0, target_max=90.0).trace()
    assert not found(trace, "ACT204")


def test_targets_that_were_not_seen_are_not_checked() -> None:
    assert "targets was not recorded" in unchecked(faults.regression("tanh").trace(), "ACT204")


# --- 205 wrong-softmax-axis ---------------------------------------------------------------------


def test_attention_and_time_first_are_no_batch() -> None:
    assert not found(faults.over_rows(0, role="attention"), "ACT205")
    assert not found(faults.over_rows(0, shape=(8, 64, 10)), "ACT205")  # 64 is the batch


def test_scores_of_all_against_all_are_a_note() -> None:
    (finding,) = found(faults.over_rows(0, shape=(64, 64)), "ACT205")
    assert finding.severity == Severity.NOTE


def test_a_pool_over_a_bag_is_a_note_and_a_hidden_softmax_a_warning() -> None:
    for shape, role, severity in (
        ((64, 1), "hidden", Severity.NOTE),
        ((64, 10), "hidden", Severity.WARNING),
        ((64, 10), "output", Severity.ERROR),
    ):
        (finding,) = found(faults.over_rows(0, shape=shape, role=role), "ACT205")
        assert finding.severity == severity


# --- 206 wrong-loss-for-task --------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "fires"), [(2, False), (3, True), (20, True), (21, False)])
def test_class_numbers_are_asked_about(classes: int, fires: bool) -> None:
    assert bool(found(faults.kinds(classes), "ACT206")) is fires


def test_the_question_is_a_note_where_the_run_learns() -> None:
    for course, severity in ((learning(), Severity.NOTE), (flat(), Severity.WARNING)):
        build = faults.regression(
            course=course, target_min=0.0, target_max=9.0, target_distinct=10, target_whole=True
        )
        (finding,) = found(build.trace(), "ACT206")
        assert finding.severity == severity


def test_values_with_gaps_are_no_classes() -> None:
    data = {"target_min": 0.0, "target_max": 30.0, "target_distinct": 4, "target_whole": True}
    assert not found(faults.regression(**data).trace(), "ACT206")


def test_what_is_certain_is_an_error() -> None:
    for build in (
        faults.regression(broadcast=True, target_max=1.0),
        faults.regression(loss="cross_entropy", units=1),
        faults.regression(loss="bce", target_max=2.0, units=10),
    ):
        (finding,) = found(build.trace(), "ACT206")
        assert finding.severity == Severity.ERROR


def test_a_binary_target_of_one_is_right() -> None:
    trace = faults.regression(loss="bce", target_min=0.0, target_max=1.0).trace()
    assert not found(trace, "ACT206")


def test_one_fault_of_the_output_explains_what_follows() -> None:
    build = Build().loss(flat(), CHANCE, loss="mse", target_min=-9.0, target_max=9.0)
    build.input().act("act1", "tanh", low=0.5, high=0.5)
    build.head(acts=[{"act": "tanh", "site": "t", "file": "", "line": 1}], direct=True)
    diagnosis = diagnose(build.trace())
    assert [f.code for f in diagnosis.roots if f.severity >= Severity.WARNING] == ["ACT204"]
