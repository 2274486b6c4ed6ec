"""Outcome, severity, order of cause, selection: what `diagnose` makes of whole traces."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relume.core import (
    Checked,
    Diagnosis,
    Evidence,
    Finding,
    NotChecked,
    Rule,
    Severity,
    Trace,
)
from relume.diagnosis import all_rules, diagnose, judge_with, run_rule, select_rules
from relume.errors import UnknownNameError
from relume.policy.selectors import selection
from relume.report.rule_pages.pages import rules as pages
from relume.rules.cause_graph import arrange, cause_setting
from relume.rules.outcome import judge
from rules.traces import CHANCE, Build, dead, flat, healthy, learning, sigmoids


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [f.code for f in findings]


def harm(diagnosis: Diagnosis) -> list[str]:
    return [f.code for f in diagnosis.roots if f.severity >= Severity.WARNING]


# --- outcome ------------------------------------------------------------------------------------

N = np.arange(400)
RNG = np.random.default_rng(1)


def late_death() -> np.ndarray:
    loss = learning()
    loss[250:] = flat(150)
    return loss


OUTCOMES = {
    "learning": [
        learning(),
        learning(60),
        learning(400, noise=0.3),
        CHANCE - 0.002 * N + RNG.normal(0, 0.05, 400),
    ],
    "converged": [np.maximum(2.3 * np.exp(-N / 20), 0.01) + RNG.normal(0, 0.002, 400)],
    "plateaued": [1.5 + 0.8 * np.exp(-N / 20) + RNG.normal(0, 0.03, 400), flat(level=1.0)],
    "stalled": [
        flat(),
        flat(noise=0.0),
        2.30 + 0.4 * np.exp(-N / 10) + RNG.normal(0, 0.02, 400),  # from a bad start to chance
        np.linspace(30, 5, 400),  # it falls, and guessing is better (law 9b)
        late_death(),
    ],
    "diverged": [
        np.r_[learning()[:200], np.full(200, np.nan)],
        2.3 * np.exp(N / 50),
        np.array([2.3, 2.4, np.inf]),
        np.r_[learning()[:390], np.full(10, 300.0)],
    ],
    "oscillating": [
        1.5 + 0.6 * np.where(N % 2, 1.0, -1.0) - 0.3 * np.minimum(N / 50, 1),
        1.5 + 0.7 * np.sin(N / 6) + RNG.normal(0, 0.02, 400),
    ],
    "too-short": [flat(9), flat(30), flat(100, noise=2.0), np.array([2.3])],
}


@pytest.mark.parametrize(
    ("name", "loss"), [(name, loss) for name, many in OUTCOMES.items() for loss in many]
)
def test_outcome(name: str, loss: np.ndarray) -> None:
    outcome = judge(Build().loss(loss).trace())
    assert outcome.name == name, outcome.text


def test_no_loss_is_an_outcome() -> None:
    assert judge(Trace({})).name == "no-loss"


@pytest.mark.parametrize("seed", range(20))
def test_minibatch_noise_changes_no_outcome(seed: int) -> None:
    assert judge(Build().loss(flat(200, 0.1, seed=seed)).trace()).name == "stalled"
    assert judge(Build().loss(learning(200, 0.2, seed=seed)).trace()).name in (
        "learning",
        "plateaued",
    )


def test_unknown_chance_judges_from_the_start() -> None:
    assert judge(Build().loss(flat(level=7.0), None).trace()).name == "stalled"
    assert judge(Build().loss(learning(), None).trace()).name == "learning"
    # a loss of both signs has no floor that is known: it does not tell
    likelihood = -5 * (1 - np.exp(-N / 100)) + RNG.normal(0, 0.05, 400)
    assert judge(Build().loss(likelihood, None).trace()).name == "signed"
    assert judge(Build().loss(-np.exp(N / 30.0), None).trace()).name == "diverged"


def test_spikes_of_single_batches_are_no_oscillation() -> None:
    loss = learning()
    loss[::40] += 3.0
    assert judge(Build().loss(loss).trace()).name == "learning"


# --- one story a fault --------------------------------------------------------------------------


def dying_by_rate() -> Trace:
    """At step 143 the learning rate kills 61 % of fc2, and the loss goes flat."""
    build = healthy(late_death())
    at = build.at
    spike = np.where((at >= 240) & (at < 252), 0.5, 1e-3)
    build = Build().loss(late_death()).input()
    for i in (1, 2, 3):
        doomed = dead(0.61, 4) if i == 2 else {}
        build.act(f"act{i}", dead_from=doomed, windows=6)
        build.weight(f"fc{i}.weight", update=spike)
    return build.weight("head.weight", update=spike).head().trace()


def restless(ratio: float, loss: np.ndarray) -> Trace:
    """Every step up to the end changes every weight by `ratio` of itself, which is below 0.1."""
    build = Build().loss(loss).input()
    for i in (1, 2, 3):
        build.act(f"act{i}").weight(f"fc{i}.weight", update=ratio)
    return build.weight("head.weight", update=ratio).head().trace()


@pytest.mark.parametrize(("ratio", "root"), [(0.031, ["ACT605"]), (0.03, []), (0.025, [])])
def test_weights_that_are_rewritten_all_the_time_lose_what_was_learned(
    ratio: float, root: list[str]
) -> None:
    diagnosis = diagnose(restless(ratio, late_death()))
    assert harm(diagnosis) == root
    if root:
        (finding,) = diagnosis.roots
        assert finding.severity == Severity.ERROR
        assert "rewrites them in 32 steps" in finding.message


def test_restless_weights_of_a_run_that_keeps_its_gains_are_left_in_peace() -> None:
    assert diagnose(restless(0.09, learning())).ok


def test_a_rate_that_kills_is_one_story() -> None:
    diagnosis = diagnose(dying_by_rate())
    assert diagnosis.outcome.name == "stalled"
    assert harm(diagnosis) == ["ACT605"]
    root = diagnosis.roots[0]
    assert root.severity == Severity.WARNING
    (died,) = diagnosis.symptoms_of(root)
    assert died.code == "ACT403"
    assert died.evidence.more["cause"] == "update ratio"
    (gone,) = diagnosis.symptoms_of(died)
    assert (gone.code, gone.site) == ("ACT401", "act2")
    assert "61 of the 100" in gone.message
    assert not diagnosis.ok


def test_dead_units_in_a_run_that_learns_are_a_note() -> None:
    diagnosis = diagnose(healthy(dead_from=dead(0.28)).trace())
    assert diagnosis.outcome.name == "learning"
    assert diagnosis.ok
    assert "ACT401" in codes(diagnosis.findings)
    assert all(f.severity <= Severity.NOTE for f in diagnosis.findings)
    assert (
        next(f for f in diagnosis.findings if f.code == "ACT401").raw_severity == Severity.WARNING
    )


def test_a_healthy_run_has_nothing_to_say() -> None:
    diagnosis = diagnose(healthy().trace())
    assert diagnosis.ok
    assert not [f for f in diagnosis.findings if f.severity > Severity.FACT]


def test_deep_sigmoids_vanish_by_their_slopes() -> None:
    diagnosis = diagnose(sigmoids(flat()).trace())
    assert harm(diagnosis) == ["ACT601"]
    root = diagnosis.roots[0]
    assert root.evidence.more["blame"] == "act"
    assert root.evidence.more["act_keeps"] == pytest.approx(0.22)
    assert root.evidence.more["per_layer"] == pytest.approx(np.log10(0.22 * 0.58))
    assert "sigmoid" in root.message
    assert "ACT301" not in codes(diagnosis.findings)
    assert {"saturated-units", "scale-drift-at-init"} <= {c.name for c in diagnosis.ruled_out}


def test_tiny_weights_are_the_root_of_what_vanishes() -> None:
    build = Build().loss(flat()).input()
    for at in range(1, 6):
        scale = 10.0 ** -(1.5 * at)
        back = 1e-3 * 10.0 ** -(1.5 * (5 - at))
        build.act(f"act{at}", pre_rms=scale, grad_pre_rms=back, grad_post_rms=1.4 * back)
        build.weight(f"fc{at}.weight", grad=back * 0.01, update=0.4)
    diagnosis = diagnose(build.weight("head.weight", grad=1.0, update=0.4).head().trace())
    assert harm(diagnosis) == ["ACT301"]
    assert {"ACT601", "ACT605"} <= set(codes(diagnosis.findings))


def test_many_saturated_layers_are_one_root() -> None:
    trace = healthy(flat(), depth=5, act="sigmoid", low=0.5, high=0.45).trace()
    diagnosis = diagnose(trace, select=["ACT501"])
    assert len(diagnosis.findings) == 5
    (root,) = diagnosis.roots
    assert root.site == "act1"
    assert len(diagnosis.symptoms_of(root)) == 4


def test_born_dead_explains_dead_at_its_own_site() -> None:
    diagnosis = diagnose(healthy(flat(), dead_from=dead(0.6)).trace())
    assert harm(diagnosis) == ["ACT303"]
    by_key = {f.key: f for f in diagnosis.findings}
    for at in (1, 2, 3):
        assert by_key[f"ACT401@act{at}"].explained_by == (f"ACT303@act{at}",)


def test_an_explosion_at_the_first_step_is_not_the_rates_doing() -> None:
    loss = np.r_[np.full(400, 50.0)]
    build = healthy(loss)
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", 2.0)
    for at in (1, 2, 3):
        build.series(f"act{at}", "pre_rms", 5e3)
    diagnosis = diagnose(build.trace(), ignore=["ACT301"])
    exploded = next(f for f in diagnosis.findings if f.code == "ACT602")
    assert exploded.explained_by == ()


def test_output_faults_keep_their_severity_on_a_run_that_learns() -> None:
    build = healthy()
    build.facts = [f for f in build.facts if f.kind != "head"]
    build.head(acts=[{"act": "softmax"}], rows_sum_error=1e-7, rows_min=0.0)
    diagnosis = diagnose(build.trace())
    assert harm(diagnosis) == ["ACT201"]
    assert "1.461" in diagnosis.roots[0].message


def test_non_finite_is_an_error_even_if_too_short() -> None:
    build = healthy(flat(8)).fact("non-finite", "act1", 4, stat="nonfinite_share")
    build.series("act1", "nonfinite_share", np.array([0.0, 0.5]))
    diagnosis = diagnose(build.trace())
    assert diagnosis.outcome.name == "too-short"
    assert harm(diagnosis) == ["ACT604"]  # nothing had grown before: a NaN out of nowhere


def test_a_value_that_grew_until_it_overflowed_is_an_explosion() -> None:
    build = healthy(flat()).fact("non-finite", "act1", 396, stat="nonfinite_share")
    build.series("act1", "nonfinite_share", np.r_[np.zeros(99), 0.5])
    build.series("act1", "pre_rms", np.r_[np.ones(90), np.logspace(0, 5, 10)])
    diagnosis = diagnose(build.trace())
    assert harm(diagnosis) == ["ACT602"]
    (first,) = (f for f in diagnosis.findings if f.code == "ACT604")
    assert first.explained_by


def test_skipped_steps_of_a_scaler_are_a_cleared_note() -> None:
    build = healthy(flat())
    share = np.zeros(100)
    share[:3] = 1.0
    build.series("fc1.weight", "grad_nonfinite_share", share)
    (finding,) = (f for f in diagnose(build.trace()).findings if f.code == "ACT604")
    assert finding.cleared
    assert finding.severity == Severity.NOTE


def test_a_plateau_lowers_a_sign_by_one_step() -> None:
    plateau = 1.5 + 0.8 * np.exp(-N / 20) + RNG.normal(0, 0.03, 400)
    diagnosis = diagnose(healthy(plateau, act="tanh", low=0.3, high=0.3).trace())
    assert diagnosis.outcome.name == "plateaued"
    saturated = [f for f in diagnosis.findings if f.code == "ACT501"]
    assert {f.severity for f in saturated} == {Severity.NOTE}
    assert {f.raw_severity for f in saturated} == {Severity.WARNING}


def test_adams_first_step_is_no_warning() -> None:
    for loss in (learning(), flat()):
        build = healthy(loss)
        first = np.full(100, 2e-3)
        first[0] = 0.3
        for name in ("fc1", "fc2", "fc3", "head"):
            build.series(f"{name}.weight", "update_ratio", first)
        assert diagnose(build.trace()).ok


def test_a_stalled_run_without_a_sign_is_undetermined() -> None:
    diagnosis = diagnose(healthy(flat()).trace())
    assert diagnosis.ok
    assert "No rule is sure why. Closest suspects: " in diagnosis.outcome_sentence
    assert 0 < len(diagnosis.suspects) <= 3, "not every rule's name"
    assert len(diagnosis.ruled_out) >= 8
    assert diagnosis.verdict == "fails"


def test_tiny_data_is_stated_and_weighs_less() -> None:
    build = healthy(learning(), rows=4, dead_from=dead(0.6))
    (first, *_) = (f for f in diagnose(build.trace()).findings if f.code == "ACT401")
    assert first.raw_severity == Severity.WARNING
    assert "less evidence" in first.message
    badly = healthy(flat(), rows=4, dead_from=dead(0.6))
    (first, *_) = (f for f in diagnose(badly.trace()).findings if f.code == "ACT401")
    assert first.severity == Severity.ERROR


# --- guards -------------------------------------------------------------------------------------


def test_the_zeros_of_relu_are_not_saturation() -> None:
    build = healthy(flat(), dead_from=dead(0.9))
    assert "ACT501" not in codes(diagnose(build.trace()).findings)


def test_gelus_silent_side_is_not_saturation() -> None:
    build = healthy(flat(), act="gelu", low=0.9)
    assert "ACT501" not in codes(diagnose(build.trace()).findings)


def test_a_sigmoid_that_rounds_to_slope_zero_is_saturated_not_dead() -> None:
    build = healthy(flat(), act="sigmoid", low=0.0, high=1.0)
    for name, windows in build.units.items():
        build.units[name] = tuple(
            replace(w, fields={**w.fields, "active": np.zeros(100)}) for w in windows
        )
    found = codes(diagnose(build.trace()).findings)
    assert "ACT501" in found
    assert "ACT401" not in found


@pytest.mark.parametrize("role", ["output", "gate", "attention"])
def test_only_hidden_acts_are_judged(role: str) -> None:
    build = healthy(flat(), act="sigmoid", low=0.5, high=0.5)
    build.sites = [replace(s, role=role) if s.kind == "act" else s for s in build.sites]
    assert not {"ACT401", "ACT501", "ACT303"} & set(codes(diagnose(build.trace()).findings))


def test_exempt_pairs_are_listed_as_such() -> None:
    data = {"first": "a", "second": "b", "shape": [64, 4, 64], "additivity_error": 1e-8}
    trace = healthy().fact("affine-pair", "a", exempt="low-rank middle", **data).trace()
    diagnosis = diagnose(trace, select=["ACT101"])
    assert not diagnosis.findings
    assert "low-rank middle" in diagnosis.checked[0].text


def test_zero_initialised_weights_have_no_update_ratio() -> None:
    build = healthy(flat()).weight("gamma.weight", update=5.0)
    zero = next(f for f in build.facts if f.site == "gamma.weight")
    build.facts[build.facts.index(zero)] = replace(zero, data={**zero.data, "zero_init": True})
    for name in ("fc2", "fc3", "head"):
        del build.table[f"{name}.weight", "update_ratio"]
    assert "ACT605" not in codes(diagnose(build.trace()).findings)


def test_a_dead_layer_is_not_a_vanishing_gradient() -> None:
    build = healthy(flat())
    for name in ("fc1", "fc2"):
        build.series(f"{name}.weight", "grad_norm", 0.0)
    assert "ACT601" not in codes(diagnose(build.trace()).findings)


def test_trained_weights_have_no_initialisation() -> None:
    build = Build().loss(flat(level=0.5)).input()
    for at in range(4):
        build.act(f"act{at}", pre_rms=10.0**-at)
    assert "ACT301" not in codes(diagnose(build.trace()).findings)


# --- the machinery ------------------------------------------------------------------------------


def rule(code: str, explains: tuple[str, ...] = (), **more: object) -> Rule:
    return Rule(code, code.lower(), "", lambda trace: iter(()), explains=explains, **more)


def finding(code: str, site: str = "", step: int = 0, severity: int = 2) -> Finding:
    return Finding(
        code, code.lower(), Severity(severity), site, (step, 400), "x", Evidence("x", 1.0)
    )


def test_a_rule_that_fails_is_a_result() -> None:
    def broken(trace: Trace):
        yield Checked("ACT998", "act998", "half way")
        raise ZeroDivisionError("by zero")

    failing = replace(rule("ACT998"), check=broken)
    silent = rule("ACT999")
    diagnosis = judge_with(healthy().trace(), [failing, silent])
    reasons = {n.code: n.reason for n in diagnosis.not_checked}
    assert reasons["ACT998"] == "the rule failed: ZeroDivisionError: by zero"
    assert reasons["ACT999"] == "the rule gave no result"


def test_a_message_that_cannot_be_written_is_a_result() -> None:
    bad = replace(finding("ACT998"), text="{no_such_number}")
    failing = replace(rule("ACT998"), check=lambda trace: iter([bad]))
    (result,) = run_rule(failing, Trace({}))
    assert isinstance(result, NotChecked)
    assert "KeyError" in result.reason


@pytest.mark.parametrize(
    "trace", [Trace({}), healthy().trace(), dying_by_rate(), sigmoids(flat()).trace()]
)
def test_every_rule_ends_up_somewhere(trace: Trace) -> None:
    d = diagnose(trace)
    told = {r.code for part in (d.findings, d.checked, d.not_checked) for r in part}
    assert told == {r.code for r in all_rules()}
    assert d.to_json()


def test_select_and_ignore() -> None:
    def told(**how: object) -> set[str]:
        d = diagnose(healthy().trace(), **how)
        return {r.code for part in (d.findings, d.checked, d.not_checked) for r in part}

    named = ("ACT401", "ACT402", "ACT403", "ACT404", "ACT405", "ACT406", "ACT407")
    assert told(select=["ACT4"]) == {*named}
    assert told(select=["dead-units", "ACT501"]) == {"ACT401", "ACT501"}
    assert told(select=["ACT4"], ignore=["dead-units"]) == {*named[1:]}
    assert told(select="ACT605") == {"ACT605"}
    assert "ACT001" not in told(ignore=["ACT0"])
    with pytest.raises(
        UnknownNameError, match="unknown rule 'ded-units'; did you mean 'dead-units'"
    ):
        diagnose(Trace({}), select=["ded-units"])
    for blank in ("", " ", ","):
        with pytest.raises(UnknownNameError):
            diagnose(Trace({}), ignore=[blank])


@pytest.mark.parametrize(
    "word", ["dead", "Dead-Units", "act401", "ACT4", " learning ", "ACT605,dead", "ACT403, act7"]
)
def test_the_command_line_and_the_call_select_the_same_rules(word: str) -> None:
    """One selection: what `--select` takes, `run.diagnose(select=[...])` takes."""
    by_call = {rule.code for rule in select_rules(all_rules(), [word], None)}
    assert by_call == set(selection([word], pages())) != set()
    assert by_call == {rule.code for rule in select_rules(all_rules(), word, None)}
    left = {rule.code for rule in select_rules(all_rules(), None, [word])}
    assert left == {rule.code for rule in all_rules()} - by_call


def test_roots_come_first_and_gravest_first() -> None:
    rules = [rule("ACT901", ("ACT902",)), rule("ACT902"), rule("ACT903")]
    found = [finding("ACT902", "b"), finding("ACT903", "c", severity=3), finding("ACT901", "a")]
    told = arrange(found, cause_setting(Trace({}), rules))
    assert codes(told) == ["ACT903", "ACT901", "ACT902"]
    assert told[1].explains == ("ACT902@b",)


def test_a_cause_begins_before_its_symptom() -> None:
    rules = [rule("ACT901", ("ACT902",)), rule("ACT902")]
    late = [finding("ACT901", step=300), finding("ACT902", "b", step=100)]
    assert len(arrange(late, cause_setting(healthy().trace(), rules))[1].explained_by) == 0
    near = [finding("ACT901", step=110), finding("ACT902", "b", step=100)]
    assert len(arrange(near, cause_setting(healthy().trace(), rules))[1].explained_by) == 1


def test_an_upstream_rule_explains_what_lies_behind_it() -> None:
    rules = [rule("ACT901", ("ACT902",), upstream=True), rule("ACT902")]
    found = [finding("ACT901", "act2"), finding("ACT902", "act1"), finding("ACT902", "act3")]
    by_key = {f.key: f for f in arrange(found, cause_setting(healthy().trace(), rules))}
    assert by_key["ACT902@act3"].explained_by == ("ACT901@act2",)
    assert by_key["ACT902@act1"].explained_by == ()


def test_a_trifle_hides_no_harm() -> None:
    rules = [rule("ACT901", ("ACT902",)), rule("ACT902")]
    found = [finding("ACT901", severity=1), finding("ACT902", "b", severity=3)]
    assert all(not f.explained_by for f in arrange(found, cause_setting(Trace({}), rules)))


CODES = [f"ACT90{i}" for i in range(6)]


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(st.sampled_from(CODES), st.sets(st.sampled_from(CODES)), min_size=6),
    st.lists(
        st.tuples(
            st.sampled_from(CODES),
            st.sampled_from(["", "act1", "act2", "act3", "elsewhere"]),
            st.integers(0, 400),
            st.integers(0, 3),
        ),
        unique_by=lambda item: item[:2],
        max_size=12,
    ),
    st.booleans(),
)
def test_causes_never_close_a_circle(
    explains: dict[str, set[str]], found: list[tuple[str, str, int, int]], upstream: bool
) -> None:
    rules = [rule(code, tuple(sorted(to)), upstream=upstream) for code, to in explains.items()]
    told = arrange([finding(*item) for item in found], cause_setting(HEALTHY, rules))
    seen: set[str] = set()
    for f in told:
        assert set(f.explained_by) <= seen, "a cause is told before its symptom"
        seen.add(f.key)
    by_key = {f.key: f for f in told}
    assert len(by_key) == len(found)
    for f in told:
        assert all(f.key in by_key[k].explained_by for k in f.explains)
        for parent in f.explained_by:  # reduced: no cause of a cause stands beside it
            assert not set(f.explained_by) & set(by_key[parent].explained_by)
    for code in CODES:
        assert len([f for f in told if f.code == code and not f.explained_by]) <= 1


HEALTHY = healthy().trace()


# --- what recorded runs taught ------------------------------------------------------------------


def test_an_infinite_update_ratio_is_no_explosion() -> None:
    build = healthy().fact("non-finite", "fc1.bias", 0, stat="update_ratio")
    assert "ACT602" not in codes(diagnose(build.trace()).findings)


def test_a_bias_is_not_a_drift_of_scale() -> None:
    build = healthy(flat(), dead_from=dead(1.0))
    build.series("act2", "pre_rms", 12.0).series("act2", "pre_mean", -11.96)
    build.series("act3", "pre_rms", 12.0).series("act3", "pre_mean", -11.96)
    diagnosis = diagnose(build.trace())
    assert "ACT301" not in codes(diagnosis.findings)
    assert harm(diagnosis) == ["ACT303"]


def test_a_dead_layer_blocks_the_judgement_of_the_gradient() -> None:
    build = sigmoids(flat()).series("act3", "silent_unit_share", 1.0)
    (missing,) = diagnose(build.trace(), select=["ACT601"]).not_checked
    assert "act3 is all but dead" in missing.reason


def test_a_drift_explains_units_that_die_of_it() -> None:
    build = Build().loss(flat()).input()
    for at in range(1, 5):
        gone = dead(0.9, 1) if at == 4 else {}
        build.act(f"act{at}", pre_rms=10.0 ** (-2 * at), dead_from=gone)
    assert harm(diagnose(build.trace())) == ["ACT301"]


def test_the_weights_that_lose_the_gradient_are_a_drift_backward() -> None:
    build = sigmoids(flat(), depth=10, keeps=0.99, weights=0.5)
    diagnosis = diagnose(build.trace())
    assert harm(diagnosis) == ["ACT301"]
    assert diagnosis.roots[0].evidence.more["direction"] == "backward"


def test_inputs_stand_before_every_act() -> None:
    build = healthy(flat(), dead_from=dead(0.6))
    build.series("fc1", "mean_energy_share", 0.99)
    build.sites = [replace(s, order=99) if s.kind == "input" else s for s in build.sites]
    assert harm(diagnose(build.trace())) == ["ACT701"]


def test_gradients_that_grow_while_the_run_learns_are_no_explosion() -> None:
    grow = np.r_[np.full(80, 0.01), np.full(20, 1.0)] * np.linspace(1, 2, 100)
    for loss, found in ((learning(), False), (flat(), True)):
        build = healthy(loss).series("fc1.weight", "grad_norm", grow)
        assert ("ACT602" in codes(diagnose(build.trace()).findings)) is found


def test_the_cause_at_its_own_site_stands_before_one_further_up() -> None:
    build = Build().loss(flat()).input()
    build.act("act1", dead_from=dead(0.6)).act("act2", dead_from=dead(0.6, 2))
    by_key = {f.key: f for f in diagnose(build.trace()).findings}
    assert by_key["ACT401@act2"].explained_by == ("ACT403@act2",)
