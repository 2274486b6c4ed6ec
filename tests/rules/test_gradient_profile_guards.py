"""Gradient flow, units, gates, inputs and numerics: guards, and causes before symptoms."""

from dataclasses import replace

import faults
import numpy as np
import pytest
from traces import CHANCE, Build, dead, flat, healthy, learning

from relume.core import Finding, Severity, Trace
from relume.diagnosis import diagnose
from relume.rules.outcome import judge

NAN = float("nan")


def found(trace: Trace, code: str) -> list[Finding]:
    return [f for f in diagnose(trace, select=[code]).findings if f.code == code]


def roots(trace: Trace) -> list[str]:
    """The codes that are told as causes, of `warning` or above."""
    return sorted({f.code for f in diagnose(trace).roots if f.severity >= Severity.WARNING})


def unchecked(trace: Trace, code: str) -> str:
    return " ".join(n.reason for n in diagnose(trace, select=[code]).not_checked)


def parameter(build: Build, name: str, **data: object) -> Build:
    build.facts = [
        replace(f, data={**f.data, **data}) if f.kind == "parameter" and f.site == name else f
        for f in build.facts
    ]
    return build


# --- 302 symmetric-init -------------------------------------------------------------------------


def test_rows_that_training_told_apart_are_a_cleared_note() -> None:
    cosines = np.linspace(1.0, 0.2, 100)
    build = healthy(flat()).series("fc2.weight", "row_cosine_min", cosines)
    (finding,) = found(build.trace(), "ACT302")
    assert (finding.severity, finding.cleared) == (Severity.NOTE, True)


@pytest.mark.parametrize(("shape", "fires"), [([2, 3], False), ([2, 4], True), ([64, 64], True)])
def test_two_short_rows_may_agree_by_chance(shape: list[int], fires: bool) -> None:
    build = healthy(flat()).series("fc2.weight", "row_cosine_min", 0.9999)
    assert bool(found(parameter(build, "fc2.weight", shape=shape).trace(), "ACT302")) is fires


def zeros(*names: str, gradient: float) -> Trace:
    build = healthy(flat())
    for name in names:
        parameter(build, name, zero_init=True)
        build.series(name, "grad_norm", gradient)
    return build.trace()


def test_one_zero_layer_is_meant_so_and_two_in_a_row_without_a_gradient_are_not() -> None:
    assert not found(zeros("head.weight", gradient=0.0), "ACT302")
    assert not found(zeros("fc2.weight", "fc3.weight", gradient=1e-3), "ACT302")
    assert not found(zeros("fc1.weight", "fc3.weight", gradient=0.0), "ACT302")
    assert found(zeros("fc2.weight", "fc3.weight", gradient=0.0), "ACT302")


def test_rows_that_were_not_compared_are_not_checked() -> None:
    assert "not recorded" in unchecked(healthy().trace(), "ACT302")


# --- 402 dormant, 404 sparse, 502 stuck gate ----------------------------------------------------


def test_a_unit_that_varies_is_not_dormant() -> None:
    build = healthy(flat(), act="gelu", low=0.5)
    faults.fields(build, "act2", low=np.ones(100), post_sum=0.0, post_sumsq=np.full(100, 0.5))
    assert not found(build.trace(), "ACT402")


def test_a_unit_with_a_slope_is_not_dormant() -> None:
    build = healthy(flat(), act="gelu", low=0.5)
    faults.fields(build, "act2", low=np.full(100, 0.999), post_sum=0.0, post_sumsq=1e-12)
    assert not found(build.trace(), "ACT402")


@pytest.mark.parametrize(("slope", "fires"), [(0.0099, True), (0.0101, False)])
def test_the_largest_slope_decides_where_it_was_recorded(slope: float, fires: bool) -> None:
    build = healthy(flat(), act="gelu", low=0.5)
    faults.fields(build, "act2", post_sum=0.0, post_sumsq=faults.split(0.3, 1e-12, 0.5))
    windows = build.units["act2"]
    build.units["act2"] = tuple(
        replace(w, fields={**w.fields, "slope_max": np.full(100, slope)}) for w in windows
    )
    assert bool(found(build.trace(), "ACT402")) is fires


def test_rectifiers_are_left_to_dead_units() -> None:
    assert not found(healthy(flat(), dead_from=dead(0.9)).trace(), "ACT402")


def test_sparse_firing_is_never_more_than_a_fact() -> None:
    for course in (flat(), learning()):
        build = faults.fields(healthy(course), "act2", active=np.full(100, 0.03))
        (finding,) = found(build.trace(), "ACT404")
        assert finding.severity == Severity.FACT


@pytest.mark.parametrize(("share", "fires"), [(0.95, True), (0.949, False)])
def test_a_gate_is_stuck_from_ninety_five_per_cent_of_its_samples(
    share: float, fires: bool
) -> None:
    assert bool(found(faults.gate(1.0, share), "ACT502")) is fires
    assert bool(found(faults.router(share), "ACT502")) is fires


def test_rectified_gates_are_silent_by_design() -> None:
    assert not found(faults.gate(1.0, act="silu"), "ACT502")


# --- 603 to 608 ---------------------------------------------------------------------------------


def test_a_layer_that_rests_in_a_run_that_has_learned_is_no_fault() -> None:
    course = learning() - 0.2
    build = healthy(course).series("fc2.weight", "update_ratio", 0.0)
    assert not found(build.trace(), "ACT603")


def test_frozen_and_zero_weights_and_resting_rates_are_not_judged() -> None:
    for data in ({"trainable": False}, {"zero_init": True}):
        build = healthy(flat()).series("fc2.weight", "update_ratio", 0.0)
        assert not found(parameter(build, "fc2.weight", **data).trace(), "ACT603")
    build = healthy(flat()).series("fc2.weight", "update_ratio", 0.0)
    build.table["", "learning_rate"] = replace(
        build.table["", "learning_rate"], values=np.zeros(400)
    )
    assert not found(build.trace(), "ACT603")


def test_all_weights_at_rest_are_a_rate_and_no_frozen_layer() -> None:
    build = healthy(flat())
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", 1e-9)
    assert not found(build.trace(), "ACT603")
    assert roots(build.trace()) == ["ACT606"]


@pytest.mark.parametrize(("whole", "fires"), [(0.0499, True), (0.0501, False)])
def test_all_steps_together_must_move_the_weights(whole: float, fires: bool) -> None:
    assert bool(found(faults.short(whole), "ACT606")) is fires


def test_small_steps_of_a_warm_up_and_of_fine_tuning_are_right() -> None:
    build = Build().loss(flat(level=0.5 * CHANCE)).act("act1")
    assert not found(faults._rates(build, 1e-7).trace(), "ACT606")
    build = Build().loss(flat()).act("act1")
    build.table["", "learning_rate"] = replace(
        build.table["", "learning_rate"], values=np.linspace(0, 1e-3, 400) ** 2
    )
    assert not found(faults._rates(build, 1e-7).trace(), "ACT606")


def test_a_nan_in_masked_attention_is_meant_so() -> None:
    build = healthy(flat()).fact("non-finite", "act2", 8, stat="nonfinite_share")
    build.sites = [replace(s, role="attention") if s.name == "act2" else s for s in build.sites]
    assert not found(build.trace(), "ACT604")


def test_of_one_step_the_first_place_forward_and_the_last_backward_is_named() -> None:
    build = healthy(flat())
    for site in ("act3", "act2"):
        build.fact("non-finite", site, 8, stat="nonfinite_share")
    build.fact("non-finite", "fc1.weight", 8, stat="grad_norm")
    assert found(build.trace(), "ACT604")[0].site == "act2"
    build = healthy(flat())
    for site in ("fc1.weight", "fc3.weight"):
        build.fact("non-finite", site, 8, stat="grad_norm")
    assert found(build.trace(), "ACT604")[0].site == "fc3.weight"


def test_two_losses_in_turn_do_not_oscillate() -> None:
    trace = faults.swinging(1.0)
    turns = replace(trace, meta={**trace.meta, "optimizers": 2, "backwards": 3 * 400})
    assert judge(turns).name == "several-losses"
    assert not found(turns, "ACT607")
    assert found(trace, "ACT607")


@pytest.mark.parametrize(("cosine", "severity"), [(-0.51, 2), (-0.49, 1)])
def test_updates_that_turn_back_make_a_swing_a_warning(cosine: float, severity: int) -> None:
    n = np.arange(400)
    loss = 1.5 * CHANCE + np.sin(n / 9) + np.random.default_rng(0).normal(0, 0.01, 400)
    build = healthy(loss)
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_cosine", cosine)
    (finding,) = found(build.trace(), "ACT607")
    assert finding.severity == severity


def test_decay_that_only_balances_keeps_the_norm() -> None:
    assert not found(faults.decayed(5.0, left=0.51), "ACT608")
    assert found(faults.decayed(5.0, left=0.49), "ACT608")


@pytest.mark.parametrize(("ratio", "fires"), [(0.51, True), (0.5, False)])
def test_adamw_counts_decay_against_the_whole_update(ratio: float, fires: bool) -> None:
    assert bool(found(faults.decayed(ratio, kind="AdamW"), "ACT608")) is fires


def test_a_penalty_in_the_loss_shows_in_the_norms() -> None:
    for left, fires in ((0.099, True), (0.101, False)):
        assert bool(found(faults.decayed(0.0, left=left), "ACT608")) is fires


# --- 702 and 8xx --------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "fires"), [(30.1, True), (30.0, False), (1.0, False)])
def test_features_of_other_sizes(times: float, fires: bool) -> None:
    assert bool(found(faults.spread(times), "ACT702")) is fires


def test_three_hundred_times_is_an_error() -> None:
    for rms, severity in ((299.0, Severity.WARNING), (300.0, Severity.ERROR)):
        (finding,) = found(faults.scale(rms), "ACT702")
        assert finding.severity == severity


def test_slopes_that_are_zero_by_design_are_no_artefact() -> None:
    assert not found(healthy(flat(), act="gelu", low=0.5, zero_slope_share=0.9).trace(), "ACT801")
    assert not found(healthy(flat(), zero_slope_share=0.9).trace(), "ACT801")


def test_a_nan_that_went_in_and_did_not_come_out() -> None:
    build = healthy(flat(), pre_rms=np.r_[np.ones(99), NAN])
    assert found(build.trace(), "ACT803")
    build.series("act1", "nonfinite_share", np.r_[np.zeros(99), 1.0])
    build.series("act2", "nonfinite_share", np.r_[np.zeros(99), 1.0])
    build.series("act3", "nonfinite_share", np.r_[np.zeros(99), 1.0])
    assert not found(build.trace(), "ACT803")


# --- what one loop shares, and what could not be compared ---------------------------------------


def test_the_calls_of_a_gate_in_a_loop_are_one_gate() -> None:
    """The first call multiplies a state of zeros, which the graph does not show as a product."""
    build = faults.fields(healthy(flat()).act("z", "sigmoid", low=0.0), "z", low=np.ones(100))
    build.act("z#2", "sigmoid", low=0.0, layer="z")
    faults.fields(build, "z#2", low=np.ones(100), high=np.zeros(100))
    build.sites = [replace(s, layer="z") if s.name.startswith("z") else s for s in build.sites]
    alone = roots(build.trace())
    build.sites = [replace(s, role="gate") if s.name == "z#2" else s for s in build.sites]
    assert alone == ["ACT501"]
    assert roots(build.trace()) == ["ACT502"]


def test_no_gradient_that_is_left_is_not_called_fine() -> None:
    build = healthy(flat())
    late = np.where(np.arange(100) < 40, 1e-2, NAN)
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "grad_norm", late)
    diagnosis = diagnose(build.trace(), select=["ACT601"])
    assert "no gradient was left" in unchecked(build.trace(), "ACT601")
    assert not diagnosis.checked


def test_small_steps_begin_where_they_became_small() -> None:
    """Of a whole run of 400 steps that may move the weights by a twentieth."""
    build = healthy(flat())
    steps = np.where(np.arange(100) < 30, 1e-2, 5e-5)
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", steps)
    (finding,) = found(build.trace(), "ACT606")
    assert finding.steps[0] == 120


def test_an_act_that_nothing_is_cheaper_than_is_not_left_unchecked() -> None:
    assert not unchecked(healthy(learning()).trace(), "ACT802")
    assert "no act was timed" in unchecked(healthy(learning(), act="gelu").trace(), "ACT802")


@pytest.mark.parametrize(("level", "fires"), [(1e-9, True), (0.0, False)])
def test_a_gradient_that_was_not_passed_on_is_no_drift(level: float, fires: bool) -> None:
    build = healthy(flat(), depth=3)
    for at in range(1, 4):
        value = level if at == 1 else 1e-3
        build.series(f"act{at}", "grad_pre_rms", value).series(f"act{at}", "grad_post_rms", value)
    assert bool(found(build.trace(), "ACT301")) is fires
