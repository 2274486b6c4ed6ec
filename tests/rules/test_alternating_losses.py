"""Runs with several losses: those of a GAN are judged together, those of strangers one by one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from traces import Build, flat, healthy, learning

from relume.core import Series, Trace
from relume.diagnosis import diagnose
from relume.rules.outcome import judge


def swinging(level: float, seed: int = 0) -> np.ndarray:
    """Up and down around a level, as the losses of a GAN go."""
    noise = np.random.default_rng(seed).normal(0, 0.01, 400)
    return level * (1 + 0.3 * np.sin(np.arange(400) / 6)) + noise


def turns(first: np.ndarray, second: np.ndarray, *, reaches: bool = True) -> Trace:
    build: Build = healthy(first)
    build.table["", "loss_2"] = Series(np.arange(len(second)), second)
    build.fact("turn", loss="loss", optimizer="Adam", model="D", reaches=[])
    through: list[Any] = ["loss"] if reaches else []
    build.fact("turn", loss="loss_2", optimizer="Adam", model="G", reaches=through)
    return build.trace()


def test_a_gan_that_swings_is_in_balance() -> None:
    trace = turns(swinging(3.0), swinging(0.8, 1))
    outcome = judge(trace)
    assert outcome.name == "balanced"
    assert outcome.text.startswith("In balance: D and G are trained against each other")
    assert "the loss of D went from 3" in outcome.text
    assert "that of G went from 0.8" in outcome.text
    diagnosis = diagnose(trace)
    assert diagnosis.ok
    assert not [f for f in diagnosis.findings if f.code == "ACT607"]
    assert diagnosis.outcome.text == outcome.text, "nothing is undetermined"


def test_one_loss_alone_would_have_been_called_oscillating() -> None:
    """The twin: without the second series this is what the first one says."""
    assert judge(healthy(swinging(3.0)).trace()).name == "oscillating"


@pytest.mark.parametrize(
    ("ends", "name"),
    [((0.1, 3.0), "one-sided"), ((0.1, 1.5), "balanced"), ((0.3, 3.0), "balanced")],
)
def test_one_side_wins_where_one_loss_is_gone_and_the_other_has_risen(
    ends: tuple[float, float], name: str
) -> None:
    ramp = np.minimum(np.arange(400) / 100, 1.0)
    first, second = (1 + (end - 1) * ramp + flat(level=0.0, noise=0.005) for end in ends)
    outcome = judge(turns(first, second))
    assert outcome.name == name
    if name == "one-sided":
        assert outcome.text.startswith("One-sided: D wins against G")


def test_a_loss_that_explodes_is_no_balance() -> None:
    outcome = judge(turns(swinging(3.0), np.geomspace(0.7, 700, 400)))
    assert outcome.name == "diverged"
    assert "(of G; D is " in outcome.text
    assert outcome.numbers["series"] == "loss_2"


def test_of_strangers_the_worst_decides() -> None:
    assert judge(turns(learning(), learning(seed=1), reaches=False)).name == "learning"
    outcome = judge(turns(learning(), flat(level=1.0), reaches=False))
    assert outcome.name == "stalled"
    assert "(of G; D is learning)" in outcome.text
    outcome = judge(turns(learning(), swinging(1.0), reaches=False))
    assert outcome.name == "oscillating"
    (finding,) = [
        f
        for f in diagnose(turns(learning(), swinging(1.0), reaches=False)).findings
        if f.code == "ACT607"
    ]
    assert 0.6 < float(finding.evidence.more["low"]) < 1.0, "the series that swings is quoted"


def test_a_recorder_that_tells_losses_apart_found_one() -> None:
    """Two optimisers and four micro-batches a step are no GAN."""
    trace = healthy(learning()).trace()
    meta = {**trace.meta, "optimizers": 2, "backwards": 4 * 400}
    old = Trace(meta, trace.sites, trace.table, trace.units, trace.facts)
    assert judge(old).name == "several-losses"
    new = Trace(
        {**meta, "looks_for": ["turn"]}, *(trace.sites, trace.table, trace.units, trace.facts)
    )
    assert judge(new).name == "learning"


def test_a_loser_that_comes_back_is_not_lost() -> None:
    """As in many healthy GANs: the judge is far ahead until the maker has found out how."""
    n = np.arange(400)
    judged = np.interp(n, [0, 100, 400], [1.4, 0.05, 0.1])
    made = np.interp(n, [0, 150, 400], [0.7, 9.0, 6.0])
    noise = flat(level=0.0, noise=0.005)
    outcome = judge(turns(judged + noise, made + noise))
    assert outcome.name == "balanced"
    assert "D was far ahead of G, whose loss has come down again by 3" in outcome.text
    stays = np.interp(n, [0, 150, 400], [0.7, 9.0, 9.1])
    assert judge(turns(judged + noise, stays + noise)).name == "one-sided"


def test_a_loss_that_rises_tenfold_is_what_the_other_won() -> None:
    """Alone it would have diverged."""
    made = np.interp(np.arange(400), [0, 150, 400], [0.7, 14.0, 9.0]) + flat(level=0.0)
    judged = np.interp(np.arange(400), [0, 100], [1.4, 0.05]) + flat(level=0.0, noise=0.005)
    assert judge(Build().loss(made, None).trace()).name == "diverged"
    assert judge(turns(judged, made)).name == "balanced"


@pytest.mark.parametrize(("second", "told"), [("D.0", False), ("G.2", True)])
def test_two_models_that_are_trained_in_turn_are_no_affine_pair(second: str, told: bool) -> None:
    build = healthy(learning())
    data = {"first": "G.0", "second": second, "shape": [8, 16, 4], "between": []}
    build.fact("affine-pair", second, **data, exempt=None, additivity_error=2e-7)
    build.fact("turn", loss="loss", optimizer="Adam", model="D", reaches=[])
    build.fact("turn", loss="loss_2", optimizer="Adam", model="G", reaches=["loss"])
    build.table["", "loss_2"] = Series(np.arange(400), learning(seed=1))
    found = diagnose(build.trace(), select=["ACT101"]).findings
    assert [f.code for f in found] == ["ACT101"] * told


def test_a_loss_that_gave_up_its_gain_is_what_the_other_won_back() -> None:
    """Alone it would have diverged: it had been far lower, and still ends below its start."""
    n = np.arange(400)
    made = np.interp(n, [0, 150, 400], [1.0, 0.2, 0.9]) + flat(level=0.0, noise=0.005)
    assert judge(Build().loss(made, None).trace()).name == "diverged"
    assert judge(turns(swinging(1.4), made)).name == "balanced"


def test_an_actor_does_not_work_against_its_critic() -> None:
    """The critic's loss is a distance to targets of many values: each is judged by itself."""
    trace = turns(learning(), -learning(seed=1))
    facts = tuple(
        replace(f, data={**f.data, "regresses": f.data["loss"] == "loss"})
        if f.kind == "turn"
        else f
        for f in trace.facts
    )
    assert judge(trace).text.startswith("Not judged: the loss of D")
    outcome = judge(replace(trace, facts=facts))
    assert outcome.name == "signed"
    assert outcome.text.endswith("(of G; D is learning).")
    rising = replace(turns(np.geomspace(0.1, 90.0, 400), -learning(seed=1)), facts=facts)
    assert judge(rising).name == "diverged"


@pytest.mark.parametrize(
    ("scored", "end", "name"),
    [(False, 2.0, "signed"), (True, 2.0, "diverged"), (False, 2e3, "diverged")],
    ids=["what a critic says", "a distance", "without end"],
)
def test_what_a_critic_says_may_rise(scored: bool, end: float, name: str) -> None:
    """Minus the value of rewards that are all below zero is a loss above zero."""
    trace = turns(learning(), np.geomspace(0.1, end, 400))
    told = {"loss": {"regresses": True}, "loss_2": {"regresses": False, "scored": scored}}
    facts = tuple(
        replace(f, data={**f.data, **told[f.data["loss"]]}) if f.kind == "turn" else f
        for f in trace.facts
    )
    assert judge(replace(trace, facts=facts)).name == name


@pytest.mark.parametrize(("end", "name"), [(1e-7, "one-sided"), (0.1, "signed")])
def test_a_judge_whose_loss_is_gone_is_in_no_balance(end: float, name: str) -> None:
    """The maker's loss has no floor that is known: minus the logarithm of what the judge says."""
    assert judge(turns(np.geomspace(1.0, end, 400), -swinging(0.5, 1))).name == name


@pytest.mark.parametrize("dip", [0.2, 0.0], ids=["below zero", "never below"])
def test_a_critic_that_has_passed_zero_is_not_gone(dip: float) -> None:
    """Wasserstein's with a penalty starts at the penalty and passes zero, which is no floor."""
    critic = np.geomspace(1.0, 1e-3, 400)
    critic[200:300] -= dip
    assert judge(turns(critic, swinging(0.8, 1))).name == ("balanced" if dip else "one-sided")
    outcome = judge(turns(critic, -swinging(0.5, 1)))
    assert outcome.name == ("signed" if dip else "one-sided")


@pytest.mark.parametrize(("drift", "name"), [(0.9, "diverged"), (1.1, "moving-targets")])
def test_a_loss_that_rises_after_its_targets_says_nothing(drift: float, name: str) -> None:
    build = healthy(np.geomspace(0.1, 9.0, 400))
    build.facts = [f for f in build.facts if f.kind != "criterion"]
    build.fact("criterion", loss="mse", chance=None, target_drift=drift)
    assert judge(build.trace()).name == name
    in_order = replace(build.facts[-1], data={**build.facts[-1].data, "target_returns": 0.95})
    build.facts[-1] = in_order
    assert judge(build.trace()).name == "diverged"


@pytest.mark.parametrize(("weighed", "name"), [(False, "stalled"), (True, "signed")])
def test_a_policy_gradient_within_the_loss_does_not_tell(weighed: bool, name: str) -> None:
    build = healthy(flat(level=3.0))
    build.facts = [f for f in build.facts if f.kind != "criterion"]
    build.fact("criterion", loss="mse", chance=None, signed_weights=weighed)
    assert judge(build.trace()).name == name
