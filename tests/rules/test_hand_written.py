"""Losses and acts that people write by hand: what is told of them, and what is left alone."""

from typing import Any

import faults
import numpy as np
import pytest
from traces import Build, flat, healthy

from relume.core import Finding, Severity, Trace
from relume.diagnosis import diagnose


def found(trace: Trace, code: str) -> list[Finding]:
    return [f for f in diagnose(trace, select=[code]).findings if f.code == code]


def logarithm(
    acts: tuple[str, ...],
    guards: list[str] | None,
    cut: tuple[float | None, float | None] = (1e-7, 1 - 1e-7),
    units: int = 10,
    **criterion: Any,
) -> Trace:
    """A hand-written likelihood over these acts; `cut` are the limits of its clamp."""
    build = faults.regression(loss="log_likelihood", units=units, **criterion)
    told: list[dict[str, Any]] = [
        {"act": act, "site": "", "file": "a.py", "line": 3} for act in acts
    ]
    if guards and "clamp" in guards:
        told.append(
            {"act": "clamp", "site": "", "file": "", "line": 0, "low": cut[0], "high": cut[1]}
        )
    build.facts = [f for f in build.facts if f.kind != "head"]
    return build.fact("head", "head", layer="head", acts=told, guarded=guards).trace()


SAID = {
    "rectified and divided by its sum": (("relu",), ["renormalised"], Severity.ERROR),
    "rectified and cut": (("relu",), ["clamp"], Severity.ERROR),
    "squared, divided and cut": (("squared_relu",), ["clamp", "renormalised"], Severity.ERROR),
    "scores that are cut": ((), ["clamp"], Severity.ERROR),
    "tanh that is cut": (("tanh",), ["clamp"], Severity.ERROR),
    "a softmax that is cut": (("softmax",), ["clamp"], None),
    "softplus divided by its sum": (("softplus",), ["renormalised", "clamp"], None),
    "a sigmoid": (("sigmoid",), [], None),
    "a rectified rate with nothing done to it": (("relu",), [], None),
    "something else between": (("relu",), None, None),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_logarithm_takes_for_a_probability(name: str) -> None:
    acts, guards, severity = SAID[name]
    findings = found(logarithm(acts, guards), "ACT203")
    assert [f.severity for f in findings] == ([] if severity is None else [severity])


@pytest.mark.parametrize(
    ("cut", "fires"),
    [
        ((0.0, 1.0), True),
        ((1e-6, None), False),  # a variance kept from zero
        ((1e-6, 1.01), False),  # no probability is meant
        ((-1e-6, 1.0), False),
    ],
)
def test_a_cut_is_one_at_the_ends_of_a_probability(
    cut: tuple[float | None, float | None], fires: bool
) -> None:
    assert bool(found(logarithm((), ["clamp"], cut), "ACT203")) is fires


def test_with_one_unit_a_cut_is_a_warning() -> None:
    (finding,) = found(logarithm((), ["clamp"], units=1), "ACT203")
    assert finding.severity is Severity.WARNING


def test_an_act_behind_one_that_leaves_it_nothing_is_not_called_linear() -> None:
    for first, fires in (("sigmoid", False), ("tanh", True)):
        build = faults.fields(healthy(flat()), "act2", active=np.ones(100))
        build.fact("act-pair", "act2", first=first, second="relu")
        assert bool(found(build.trace(), "ACT102")) is fires


def test_small_updates_of_a_linear_network_are_its_symptom() -> None:
    build = Build(40_000, 400).loss(flat(40_000)).act("act1")
    data = {"first": "fc1", "second": "fc2", "shape": [8, 16, 4], "between": [], "exempt": None}
    build.fact("affine-pair", "fc2", additivity_error=0.0, **data)
    roots = diagnose(faults._rates(build, 1e-6).trace()).roots
    assert [f.code for f in roots if f.severity >= Severity.WARNING] == ["ACT101"]


@pytest.mark.parametrize(("above", "below", "fires"), [(1, 0, True), (1, 1, False), (0, 0, False)])
def test_a_gradient_of_nan_that_does_not_leave_the_act(above: int, below: int, fires: bool) -> None:
    """1 stands for NaN in the last record."""
    build = healthy()
    for stat, broken in (("grad_post_rms", above), ("grad_pre_rms", below)):
        values = np.full(100, 1e-3)
        values[-1] = np.nan if broken else 1e-3
        build.series("act2", stat, values)
    assert bool(found(build.trace(), "ACT803")) is fires


def test_units_that_hide_nan_are_not_called_dead_for_themselves() -> None:
    build = healthy(flat(), dead_from=dict.fromkeys(range(40), 0))
    for at in (1, 3):
        build.units[f"act{at}"] = healthy().units[f"act{at}"]
    build.series("act2", "nonfinite_swallowed_share", 0.4)
    (root,) = (f for f in diagnose(build.trace()).roots if f.severity >= Severity.WARNING)
    assert root.code == "ACT803"


@pytest.mark.parametrize(
    ("axis", "shape", "implicit", "severity"),
    [
        (1, (64, 10), True, Severity.NOTE),
        (1, (64, 10), False, None),
        (1, (64, 10), None, None),
        (0, (7, 64, 10), True, Severity.WARNING),
        (0, (7, 64, 10), None, None),
        (0, (64, 10), True, Severity.WARNING),  # of a hidden layer, over the batch
    ],
)
def test_an_axis_that_was_left_out(
    axis: int, shape: tuple[int, ...], implicit: bool | None, severity: Severity | None
) -> None:
    trace = faults.over_rows(axis, shape, implicit=implicit, role="hidden")
    assert [f.severity for f in found(trace, "ACT205")] == ([severity] if severity else [])


def test_a_divergence_of_probabilities_wants_their_logarithms() -> None:
    for act, fires in (("softmax", True), ("log_softmax", False)):
        build = faults.regression(act, loss="kl_div", units=10)
        data = {**build.facts[-1].data, "rows_sum_error": 1e-7}
        build.facts = [f for f in build.facts if f.kind != "head"]
        assert bool(found(build.fact("head", "head", **data).trace(), "ACT203")) is fires


@pytest.mark.parametrize(
    ("least", "most", "fires"), [(-1.0, 1.0, True), (0.0, 1.0, False), (0.0, 1.01, True)]
)
def test_yes_and_no_are_one_and_nought(least: float, most: float, fires: bool) -> None:
    trace = faults.regression(loss="bce_with_logits", target_min=least, target_max=most).trace()
    assert bool(found(trace, "ACT206")) is fires


@pytest.mark.parametrize(
    ("most", "learns", "fires"), [(30.1, False, True), (30.0, False, False), (1e4, True, False)]
)
def test_targets_that_a_stalled_run_never_came_near(most: float, learns: bool, fires: bool) -> None:
    course = None if not learns else np.linspace(1.0, 0.1, 400)
    build = faults.regression(course=course, target_min=-1.0, target_max=most)
    build.series("head", "pre_absmax", 1.0)
    assert bool(found(build.trace(), "ACT204")) is fires


def test_a_regression_that_begins_far_from_its_mean_has_not_exploded() -> None:
    """A squared error has the units of its targets; a likelihood above ten chances has exploded."""
    for loss, fires in (("mse", False), ("cross_entropy", True)):
        build = Build().loss(flat(level=50.0), 2.3, loss=loss).act("act1").head()
        assert bool(found(build.trace(), "ACT602")) is fires


@pytest.mark.parametrize(
    ("decades", "calls", "fires"), [(3.1, 6, True), (2.9, 6, False), (9, 3, False)]
)
def test_a_gradient_that_shrinks_through_time(decades: float, calls: int, fires: bool) -> None:
    build = Build().loss(flat()).input()
    for at in range(calls):
        name = f"tanh()#{at + 1}" if at else "tanh()"
        level = 1e-3 * 10 ** (-decades * (calls - 1 - at) / (calls - 1))
        shared = {"grad_pre_rms": level, "grad_post_rms": level, "layer": "h"}
        build.act(name, "tanh", low=0.0, **shared)
    for name in ("i.weight", "h.weight"):
        build.weight(name)
    trace = build.head().trace()
    assert bool(found(trace, "ACT601")) is fires
