"""Causes before symptoms across families, and the outcome of noisy runs."""

from dataclasses import replace

import faults
import numpy as np
import signal_traces as signal
from traces import CHANCE, Build, dead, flat, healthy, sigmoids

from relume.core import Evidence, Fact, Finding, Rule, Severity, Site, Trace
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


def test_a_divergence_between_two_acts_is_no_fault_of_the_weights() -> None:
    """The gradient that grows past a VAE's latents is that of the divergence that enters there."""

    def drifting(latents: int | None) -> Trace:
        build = healthy(flat())
        for at, name in enumerate(("act1", "act2", "act3")):
            build.series(name, "grad_pre_rms", 10.0 ** (3 - 1.5 * at))
            build.series(name, "grad_post_rms", 10.0 ** (3 - 1.5 * at))
        if latents is not None:
            site = f"fc{latents}"
            build.fact("latents", site, what="gaussian", units=8, used=8, rows=512, records=9)
        return build.trace()

    assert found(drifting(None), "ACT301")
    assert not found(drifting(2), "ACT301")


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


def half(**more: object) -> Build:
    """Inputs of a large scale, and an operation whose result is not finite, before any update."""
    build = healthy(np.full(400, np.nan)).series("fc1", "rms", 500.0)
    data = {"phase": "forward", "operation": "bmm", "module": "act2", "dtype": "float16"}
    data |= {"least": -900.0, "most": 800.0, "bad": 9, "entries": 64, **more}
    build.fact("non-finite", "act2", 0, stat="pre_rms")
    return build.fact("origin", "", 0, **data).series("act2", "pre_rms", np.r_[2e3, [np.nan] * 99])


def test_an_overflow_of_float16_at_a_named_operation_comes_before_scale_and_growth() -> None:
    told = diagnose(half().trace())
    assert [f.code for f in told.roots][:2] == ["ACT604", "ACT702"]
    assert not [f for f in told.roots if f.code == "ACT602"]


def test_without_a_half_type_the_scale_of_the_inputs_comes_first() -> None:
    """The twins: another type, a row that has no softmax, and an input that was not read."""
    for more in ({"dtype": "bfloat16"}, {"operation": "softmax"}, {"most": None, "least": None}):
        codes = [f.code for f in diagnose(half(**more).trace()).roots]
        assert "ACT604" not in codes[:1], more
        assert "ACT702" in codes, more


def test_what_grew_in_training_until_float16_overflowed_is_an_explosion() -> None:
    build = half()
    late = ("origin", "non-finite")
    build.facts = [replace(f, step=60) if f.kind in late else f for f in build.facts]
    build.table["", "loss"] = replace(
        build.table["", "loss"], values=np.r_[np.geomspace(1, 500, 60), np.full(340, np.nan)]
    )
    (grown,) = found(build.trace(), "ACT602")
    assert grown.severity == Severity.ERROR


def behind_frozen(share: float, *, handed_on: bool = False) -> Trace:
    build = healthy(flat())
    build.meta = {"looks_for": ["wiring"]}
    trained = 64 * 64 * sum(f.kind == "parameter" for f in build.facts)
    build.fact("frozen", "body.weight", fresh=True, entries=int(share * trained / (1 - share)))
    if handed_on:
        build.sites.insert(0, Site("body.relu", "act", act="relu", layer="body", order=-5))
        build.site("fc1.weight", "parameter", path="fc1", layer="fc1")
    return build.series("fc1", "mean_energy_share", 0.99).trace()


def test_what_frozen_random_layers_hand_on_is_no_fault_of_the_inputs() -> None:
    assert roots(behind_frozen(0.6)) == ["ACT911"]
    assert roots(behind_frozen(0.3, handed_on=True)) == ["ACT911"]
    assert "ACT701" in roots(behind_frozen(0.3)), "the data's own mean, and a few frozen weights"


def multiplied(looks: int, since: int, lost_at: int) -> Trace:
    """A recurrent layer whose gradient grows over time, steps that replace the weights, and NaN."""
    build = signal.faded(looks, grown=True)
    build.facts[-1].data["grown_since"] = since
    course = np.full(400, np.nan)
    course[:lost_at] = 2.0
    build.loss(course)
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", 5.0)
    return build.trace()


def test_weights_that_multiply_over_time_come_before_the_rate() -> None:
    """One look at weights as they were drawn is enough where nothing is finite after it."""
    assert roots(multiplied(1, 0, 1)) == ["ACT609"]
    assert roots(multiplied(1, 4, 8)) == ["ACT605"], "one look, and the rate had touched them"
    codes = {f.code: f for f in diagnose(multiplied(9, 40, 80)).findings}
    assert not codes["ACT605"].explained_by, "the rate had begun before the weights multiplied"


def shrinking(how: str, layer: int) -> Trace:
    """A signal that shrinks from the first act on, and rows that are alike after one layer."""
    build = Build(400).loss(flat()).input()
    for at in range(4):
        build.act(f"act{at}", pre_rms=10 ** (-2.0 * at / 3))
    build.meta = {**build.meta, "looks_for": list(signal.LOOKS_FOR)}
    build.fact("rows", places=8, least=1e-9, records=9, last=390)
    seen = {"how": how, "operation": "Addmm", "share": 1e-9, "before": 0.4, "records": 5}
    return build.fact("rows", f"fc{layer}", streak=9, last=390, **seen).trace()


def test_small_weights_stand_above_the_rows_that_they_make_alike() -> None:
    assert roots(shrinking("weights", 3)) == ["ACT301"]
    assert "ACT405" in roots(shrinking("operation", 3))
    assert not found(shrinking("zeros", 3), "ACT405")


def test_a_head_explains_rows_that_become_alike_later_and_none_from_the_start() -> None:
    for step, codes in ((0, ["ACT203", "ACT405"]), (160, ["ACT203"])):
        trace = faults.rectified(-3.0)
        seen = {"how": "operation", "operation": "Mean", "share": 1e-9, "before": 0.4}
        last = trace.series("", "loss")
        assert last is not None
        end = {"last": int(last.steps[-1]), "records": 9}
        facts = (
            Fact("rows", "", 0, {"places": 8, "least": 1e-9, **end}),
            Fact("rows", "fc1", step, {"streak": 9, **end, **seen}),
        )
        looked = {**trace.meta, "looks_for": list(signal.LOOKS_FOR)}
        assert roots(replace(trace, facts=(*trace.facts, *facts), meta=looked)) == codes
