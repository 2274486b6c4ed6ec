"""Causes before symptoms across families, and the outcome of noisy runs."""

from dataclasses import replace

import faults
import numpy as np
from traces import CHANCE, Build, dead, flat, healthy, sigmoids

from relume.core import Evidence, Finding, Rule, Severity, Trace
from relume.diagnosis import diagnose
from relume.rules.cause_graph import CauseSetting, arrange
from relume.rules.outcome import judge


def found(trace: Trace, code: str) -> list[Finding]:
    return [f for f in diagnose(trace, select=[code]).findings if f.code == code]


def roots(trace: Trace) -> list[str]:
    """The codes that are told as causes, of `warning` or above."""
    return sorted({f.code for f in diagnose(trace).roots if f.severity >= Severity.WARNING})


def test_a_rate_that_alone_gives_small_updates_is_nobodys_symptom() -> None:
    for optimizer, codes in (("SGD", ["ACT301"]), ("Adam", ["ACT606"])):
        build = Build(400).loss(flat()).input()
        for at in range(4):
            build.act(f"act{at}", pre_rms=10 ** (-1.2 * at / 3))
        faults._rates(build, 1e-7)  # rate 1e-3 of weights of norm 1 and 4096 elements
        build.table["", "learning_rate"] = replace(
            build.table["", "learning_rate"], values=np.full(400, 1e-9)
        )
        trace = build.trace()
        assert roots(replace(trace, meta={**trace.meta, "optimizer": optimizer})) == codes


def test_a_small_drift_does_not_explain_a_great_rate() -> None:
    build = healthy(flat())
    for at in range(1, 4):
        build.series(f"act{at}", "pre_rms", 10 ** (-1.2 * (at - 1) / 2))
        build.series(f"fc{at}.weight", "update_ratio", 10.0)
    build.series("head.weight", "update_ratio", 10.0)
    assert roots(build.trace()) == ["ACT605"]


def test_decay_explains_the_updates_that_it_makes() -> None:
    trace = faults.decayed(30.0)
    table = {
        key: replace(s, values=np.full(len(s), 0.3)) if key[1] == "update_ratio" else s
        for key, s in trace.table.items()
    }
    assert roots(replace(trace, table=table)) == ["ACT608"]


def test_what_was_there_all_the_time_did_not_end_what_was_learned() -> None:
    n = np.arange(400)
    fell = np.where(n < 200, 2.3 * np.exp(-n / 40), 2.31)
    for course, codes in ((fell + 0.01 * np.cos(n), []), (flat(), ["ACT301"])):
        build = healthy(course)
        for at in range(1, 4):
            build.series(f"act{at}", "pre_rms", 10 ** (-1.2 * (at - 1) / 2))
        assert [c for c in roots(build.trace()) if c == "ACT301"] == codes


def test_beside_an_error_a_second_sign_is_a_note() -> None:
    build = healthy(flat(), dead_from=dead(0.6))  # born dead: an error
    build.act("act4", "tanh", low=0.0, affine_residual_share=1e-9)
    diagnosis = diagnose(build.trace())
    assert roots(build.trace()) == ["ACT303"]
    (straight,) = (f for f in diagnosis.findings if f.code == "ACT102")
    assert straight.severity <= Severity.NOTE or straight.explained_by
    alone = healthy(flat()).act("act4", "tanh", low=0.0, affine_residual_share=1e-9)
    assert roots(alone.trace()) == ["ACT102"]


def test_a_loss_worse_than_it_began_has_not_learned_whatever_its_noise() -> None:
    draw = np.random.default_rng(0)
    wild = np.r_[2.4, 2e4 * np.exp(-np.arange(9)), 20 + 8 * draw.random(230)]
    for course in (wild, wild + np.r_[0, 60 * np.exp(-np.arange(239) / 90)]):
        assert judge(Build().loss(course).trace()).name == "stalled"
    tame = np.r_[20.0, 15 * np.exp(-np.arange(239) / 90) + 3]  # it falls, and guessing is better
    assert judge(Build().loss(tame).trace()).name == "stalled"
    assert judge(Build().loss(tame - 2.5).trace()).name == "learning"


def test_a_gate_that_no_gradient_reaches_is_no_end_of_a_chain() -> None:
    build = Build().loss(flat())
    for call, back in (("", 0.0), ("#2", 1e-3), ("#3", 1e-3)):
        build.act(f"cell.sigmoid(){call}", "tanh", low=0.0, grad_pre_rms=back, grad_post_rms=back)
    build.act("act", "tanh", low=0.0)
    assert not found(build.trace(), "ACT301")


def test_one_story_a_fault() -> None:
    """The faults of the first law in docs/laws.md: each a root, with its symptoms under it."""
    shifted = healthy(flat(), act="tanh", low=0.5, high=0.5)
    shifted.series("fc1", "mean_energy_share", 0.99)
    assert roots(shifted.trace()) == ["ACT701"]
    huge = healthy(flat(), act="tanh", low=0.5, high=0.5).series("fc1", "rms", 500.0)
    assert roots(huge.trace()) == ["ACT702"]
    alike = healthy(flat()).series("fc2.weight", "row_cosine_min", 1.0)
    alike.series("fc1.weight", "update_ratio", 0.0)
    assert roots(alike.trace()) == ["ACT302"]
    axis = Build().loss(flat(), CHANCE, loss="nll", classes=10).act("act1").head(direct=True)
    axis.fact("softmax", "softmax()", act="softmax", axis=0, shape=[64, 10], batch=64)
    axis.facts = [
        replace(f, data={**f.data, "rows_logsumexp_error": 2.0}) if f.kind == "criterion" else f
        for f in axis.facts
    ]
    assert roots(axis.trace()) == ["ACT205"]


def test_a_stalled_run_without_a_sign_says_what_was_and_was_not_looked_at() -> None:
    diagnosis = diagnose(healthy(flat()).trace())
    assert "No rule is sure why" in diagnosis.outcome_sentence
    assert len(diagnosis.ruled_out) >= 12
    assert {n.code for n in diagnosis.not_checked} >= {"ACT103", "ACT205", "ACT302"}
    assert all(n.reason for n in diagnosis.not_checked)


def test_weights_without_an_optimiser_and_dormant_layers_explain_what_stands_still() -> None:
    left = Build().loss(flat()).act("act1")
    faults._rates(left, 1e-9).site("body.weight", "parameter")
    left.series("body.weight", "grad_norm", 0.1)
    assert roots(left.trace()) == ["ACT603"]
    spike = healthy(flat())
    ratio = np.r_[np.full(10, 1e-3), np.full(3, 3.0), np.full(87, 1e-9)]
    for name in ("fc1", "fc2", "fc3", "head"):
        spike.series(f"{name}.weight", "update_ratio", ratio)
    assert roots(spike.trace()) == ["ACT605"]


def test_a_gradient_that_became_nan_is_still_one_that_never_reached_a_gate() -> None:
    build = Build().loss(flat())
    for call, back in (("", 0.0), ("#2", 1e-3), ("#3", 1e-3)):
        values = np.r_[np.full(99, back), np.nan]
        build.act(f"c.sigmoid(){call}", "tanh", low=0.0, grad_pre_rms=values, grad_post_rms=values)
    build.act("act", "tanh", low=0.0)
    assert not found(build.trace(), "ACT301")


def test_what_blocks_the_gradient_stands_behind_what_it_starves() -> None:
    build = sigmoids(flat()).fact("act-pair", "act8", first="relu", second="sigmoid")
    assert roots(build.trace()) == ["ACT103"]


def test_inputs_explain_great_updates_even_if_they_weigh_less() -> None:
    build = healthy(flat()).series("fc1", "rms", 200.0)  # a warning
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", 10.0)  # an error
    assert roots(build.trace()) == ["ACT702"]


def test_of_two_warnings_the_one_behind_an_error_comes_first() -> None:
    def finding(code: str, severity: Severity) -> Finding:
        return Finding(code, code, severity, "", (0, 9), "", Evidence("x", 1.0))

    rules = {
        code: Rule(code, code, "", lambda _: iter(()), explains=explains)
        for code, explains in (("ACT101", ()), ("ACT301", ("ACT401",)), ("ACT401", ()))
    }
    warnings = [finding("ACT101", Severity.WARNING), finding("ACT301", Severity.WARNING)]
    where = CauseSetting(rules, {}, {}, 0, 9)
    alone = arrange(warnings, where)
    assert [f.code for f in alone] == ["ACT101", "ACT301"]
    chain = arrange([*warnings, finding("ACT401", Severity.ERROR)], where)
    assert [f.code for f in chain] == ["ACT301", "ACT101", "ACT401"]


def test_a_layer_that_was_dormant_from_the_start_says_so() -> None:
    (finding,) = found(faults.dormant(0.6), "ACT402")
    assert finding.steps[0] == 0


def test_gates_of_the_same_cell_count_as_its_other_calls() -> None:
    build = Build().loss(flat())
    for call, back in (("", 0.0), ("#2", 1e-3), ("#3", 1e-3)):
        build.act(f"c.sigmoid(){call}", "tanh", low=0.0, grad_pre_rms=back, grad_post_rms=back)
    build.act("act", "tanh", low=0.0)
    build.sites = [replace(s, role="gate") if "#" in s.name else s for s in build.sites]
    assert not found(build.trace(), "ACT301")
