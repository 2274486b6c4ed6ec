"""What is evidence: breakdowns, held-out numbers, chance, repetitions that repeat, unlike tails."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fake_runner import FakeRunner

from relume.core.trial import Arm, Objective, TrialRun
from relume.trial.compare_acts import seeds_for, too_few
from relume.trial.judge import paired_tests, racing
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import (
    direction,
    fitting_objective,
    incomparable_arms,
    requested_objective,
)
from relume.trial.judge.objective_value import objective_value
from relume.trial.judge.verdict import judge
from relume.trial.paired_trial import run_paired_trial

LOSS = Objective("training loss", "min", "loss")
ARM = Arm("candidate")
Runs = dict[tuple[str, int], TrialRun]


def runs(base: list[float | None], arm: list[float | None], **more: Any) -> Runs:
    """Runs with these losses; a keyword gives each arm's runs a metric or a held-out series."""
    made: Runs = {}
    for name, values in (("base", base), ("candidate", arm)):
        for k, value in enumerate(values):
            metrics = {"start": 2.3, **more.get("metrics", {})}
            held = {
                key: tuple(pair[name == "candidate"]) for key, pair in more.get("held", {}).items()
            }
            losses = ((0, 2.3), (9, math.nan if value is None else value), (10, 1.0 + 0.01 * k))
            made[name, k] = TrialRun(
                name, k, value, value is None, losses, metrics=metrics, held_out=held
            )
    return made


def said(made: Runs, objective: Objective = LOSS, **more: Any) -> Any:
    return judge([ARM], "base", made, range(len(made) // 2), objective, **more)[0]


GOOD, BAD = [0.5, 0.6, 0.5, 0.7, 0.4], [1.0, 1.1, 0.9, 1.2, 1.05]


@pytest.mark.parametrize("broken", range(6))
def test_breakdowns_are_counted_by_fishers_test_whatever_the_numbers_are(broken: int) -> None:
    """0.877 against two NaN and three 0.874: only the breakdowns can decide."""
    accuracy = Objective("accuracy", "max", "yardstick")
    base: list[float | None] = [None] * broken + [0.874] * (5 - broken)
    found = said(runs(base, [0.877, 0.8771, 0.8769, 0.877, 0.8768]), accuracy)
    assert found.effect.broken == (0, broken)
    assert (found.word == "proven") is (paired_tests.fisher(0, broken, 5) < 0.05)
    if broken:
        assert f"the base broke down in {broken} of 5 runs, the arm in 0" in found.text.lower()


def test_breakdowns_of_the_arm_are_worse_and_no_gain_where_it_runs() -> None:
    assert said(runs(BAD, [None] * 5)).word == "worse"
    mixed = said(runs(BAD, [0.1, 0.1, 0.12, 0.1, None]))
    assert mixed.word == "undecided"
    assert mixed.more_seeds is not None


@pytest.mark.parametrize(
    ("printed", "value"),
    [("acc 5.1\nacc nan\nacc nan", None), ("acc: 0.5 acc: inf", None), ("acc = 0.93", 0.93)],
)
def test_the_last_printed_number_counts_also_where_it_is_none(
    printed: str, value: float | None
) -> None:
    assert objective_value({}, printed, Objective("acc", "max", "printed")) == value


def test_a_gain_that_ends_no_better_than_guessing_is_none() -> None:
    huge = said(runs([9e17 + k for k in range(5)], [8e15 + k for k in range(5)]))
    assert huge.word == "no better than chance"
    assert "it began at 2.3" in huge.text
    known = runs(BAD, GOOD, metrics={"chance": 0.45})
    assert said(known).word == "no better than chance"
    assert said(runs(BAD, GOOD, metrics={"chance": 2.3})).word == "proven"


@pytest.mark.parametrize(
    ("held", "word"),
    [
        ({"val loss": ((0.9, 0.8), (0.9, 0.7))}, "proven"),
        ({"val loss": ((0.9, 0.8), (0.9, 1.1))}, "better on training only"),
        ({"val loss": ((0.9, 1.4), (0.9, 1.1))}, "better on training only"),  # than at its start
        ({"val acc": ((0.6, 0.73), (0.6, 0.67))}, "better on training only"),
        ({"val acc": ((60.0, 73.0), (60.0, 67.0))}, "better on training only"),
        ({"val loss": ((0.9, 0.8), (0.9, 1.1)), "val acc": ((0.6, 0.7), (0.6, 0.8))}, "proven"),
        ({"val acc": ((0.6, 0.7300), (0.6, 0.7299))}, "proven"),
    ],
)
def test_no_gain_where_what_is_printed_on_held_out_rows_gets_worse(
    held: dict[str, Any], word: str
) -> None:
    found = said(runs(BAD, GOOD, held=held))
    assert found.word == word
    assert ("is worse:" in found.text) is (word != "proven")
    summary = arm_summaries([Arm("base"), ARM], runs(BAD, GOOD, held=held), LOSS)[1]
    assert set(summary.held_out) == set(held)


@pytest.mark.parametrize(
    ("right", "word"),
    [
        ((29, 28, 29, 28, 29), "proven"),
        ((28, 28, 28, 28, 28), "better on training only"),
        ((29, 25, 29, 24, 27), "better on training only"),
    ],
)
def test_less_than_one_row_is_no_loss_on_held_out_rows(right: tuple[int, ...], word: str) -> None:
    """Of 30 rows two runs miss one row more than the script as it is."""
    made = runs(BAD, GOOD)
    for (name, k), run in made.items():
        end = (right[k] if name == "candidate" else 29) / 30
        made[name, k] = replace(run, held_out={"val acc": (0.3, end)})
    assert said(made).word == word


def test_repetitions_that_repeat_to_the_last_bit_are_one() -> None:
    made = runs([1.0] * 5, [0.5] * 5)
    for name, k in made:
        made[name, k] = TrialRun(name, k, made[name, k].value, loss=((0, 2.3), (9, 0.5)))
    found = said(made)
    assert (found.word, found.effect.pairs) == ("undecided", 1)
    assert "4 more pairs repeat these to the last bit" in found.text


def test_a_trial_whose_seeds_change_nothing_ends_after_two_pairs() -> None:
    class Still(FakeRunner):
        def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
            value = 0.2 if arm.name == "candidate" else 1.0
            return TrialRun(arm.name, seed, value, loss=((0, 2.3),), metrics={"loss": value})

    runner = Still(lambda rng: 0.0)
    found = run_paired_trial(runner, [ARM], "is it better?").verdict("candidate")  # type: ignore[arg-type]
    assert found is not None
    assert (found.word, found.fresh) == ("undecided", False)
    assert max(seed for _, seed in runner.runs) == 1


def test_what_was_stopped_from_outside_is_no_evidence() -> None:
    made = runs(BAD, GOOD)
    made["candidate", 0] = TrialRun("candidate", 0, stopped="out of memory")
    assert (said(made).effect.pairs, said(made).effect.broken) == (4, (0, 0))
    for k in range(5):
        made["candidate", k] = TrialRun("candidate", k, stopped="out of memory")
    assert (said(made).word, said(made).text) == ("not run", "out of memory.")


def test_the_least_effect_is_in_the_metrics_own_unit_and_can_be_set() -> None:
    percent = Objective("test accuracy", "max", "printed")
    base = [90.0, 90.4, 89.8, 90.1, 90.2]
    made = runs(list(base), [x + 2.0 + 0.1 * k for k, x in enumerate(base)])
    found = said(made, percent)
    assert found.word == "proven"  # 90 to 92 %: a fifth of what was wrong
    assert found.least == pytest.approx(
        0.99, abs=0.02
    )  # a tenth of the ten points that are missing
    assert said(made, percent, least=5.0).word == "no proven gain"


def test_every_verdict_says_what_it_could_have_seen() -> None:
    rng = np.random.default_rng(0)
    found = said(runs(list(rng.normal(1, 0.2, 5)), list(rng.normal(1, 0.2, 5))))
    d = [made.value for made in runs([], []).values()]
    assert d == []
    assert found.visible is not None
    hits = 0
    for _ in range(2000):  # a planted effect of that size is found in four trials of five
        differences = rng.normal(1.0, 1.0 / paired_tests.visible(5, 1.0), 5)  # type: ignore[operator]
        hits += paired_tests.t_interval(differences)[3] < 0.05 and differences.min() > 0
    assert hits / 2000 == pytest.approx(0.8, abs=0.04)


def test_a_hopeful_arm_is_rarely_stopped_at_any_time() -> None:
    """Ville's bound, by simulation: an arm that wins four pairs in five, looked at 200 times."""
    rng = np.random.default_rng(1)
    stopped = 0
    for _ in range(2000):
        won = rng.random(200) < racing.HOPEFUL
        wins, losses = np.cumsum(won), np.cumsum(~won)
        stopped += any(racing.hopeless(int(w), int(k)) for w, k in zip(wins, losses, strict=True))
    assert stopped / 2000 < 0.06
    assert racing.hopeless(0, 2)


def test_hopeless_arms_stop_early_and_a_proof_costs_sixteen_runs_at_most() -> None:
    runner = FakeRunner(lambda rng: float(rng.normal(0, 0.05)), {"candidate": 0.6, "bad": -0.6})
    found = run_paired_trial(runner, [ARM, Arm("bad", text="bad")], "which?")  # type: ignore[arg-type]
    verdict, bad = found.verdict("candidate"), found.verdict("bad")
    assert verdict is not None
    assert (verdict.word, verdict.fresh) == ("proven", True)
    assert bad is not None
    assert "stopped after 2 pairs" in bad.text
    assert sum(name != "bad" for name, _ in runner.runs) <= 16


@pytest.mark.parametrize(
    ("acts", "pairs", "word"),
    [
        (1, 3, "undecided"),
        (1, 4, "undecided"),
        (1, 5, "proven"),
        (6, 5, "undecided"),
        (6, 7, "proven"),
    ],
)
def test_the_sign_test_is_corrected_for_all_acts_of_a_comparison(
    acts: int, pairs: int, word: str
) -> None:
    """Every act wins every pair by far: t is sure at once, a fair coin is not that unlikely."""
    arms = [Arm(f"act-{k}") for k in range(acts)]
    made = {
        (arm, k): TrialRun(arm, k, (1.0 if arm == "base" else 0.5) + 0.001 * k * len(arm))
        for arm in ("base", *(one.name for one in arms))
        for k in range(pairs)
    }
    found = judge(arms, "base", made, range(pairs), LOSS)
    assert {one.word for one in found} == {word}
    assert (found[0].visible is None) is (word == "undecided")  # they can prove nothing
    assert bool(too_few(acts, pairs)) is (word == "undecided")
    assert too_few(acts, seeds_for(acts)) == ""


def test_confirmations_share_the_five_per_cent_and_have_the_pairs_that_their_share_needs() -> None:
    shares = [paired_tests.confirmation_share(k) for k in range(1, 40)]
    assert sum(shares) <= 1
    for number, share in enumerate(shares[:10], 1):
        pairs = paired_tests.fresh_pairs(3, number)
        assert (
            paired_tests.sign_share(pairs, 0)
            <= 0.05 * share
            < paired_tests.sign_share(pairs - 1, 0)
        )


def test_a_winner_of_three_pairs_is_proven_on_five_fresh_ones_and_a_second_one_on_seven() -> None:
    runner = FakeRunner(lambda rng: float(rng.normal(0, 0.05)), {"candidate": 0.6, "next": 0.6})
    for name, pairs in (("candidate", 5), ("next", 7)):
        found = run_paired_trial(runner, [Arm(name)], "?", seeds=3).verdict(name)  # type: ignore[arg-type]
        assert found is not None
        assert found.effect is not None
        assert (found.word, found.fresh, found.effect.pairs) == ("proven", True, pairs)


# ---------------------------------------------------------------------- calibration

SHAPES = {
    "normal": lambda rng, n: rng.normal(0, 0.2, n),
    "heavy": lambda rng, n: 0.1 * rng.standard_t(1.5, n),
    "skewed": lambda rng, n: 0.1 * rng.lognormal(0, 1.5, n),
    "skewed down": lambda rng, n: -0.1 * rng.lognormal(0, 1.5, n),
    "two levels": lambda rng, n: (
        rng.choice([0.0, 1.0], p=[0.8, 0.2], size=n) + rng.normal(0, 0.02, n)
    ),
}


@pytest.mark.parametrize("one", SHAPES)
@pytest.mark.parametrize("other", SHAPES)
def test_arms_of_any_two_shapes_that_win_as_often_as_they_lose_show_no_gain(
    one: str, other: str
) -> None:
    """Five pairs only; the shapes are shifted so that each arm wins half of the pairs."""
    rng = np.random.default_rng([len(one), len(other)])
    shift = float(np.median(SHAPES[one](rng, 100_000) - SHAPES[other](rng, 100_000)))
    gains = 0
    for _ in range(400):
        base = 10 + SHAPES[one](rng, 5) - shift
        gains += (
            said(runs(list(base), list(10 + SHAPES[other](rng, 5))), least=0.0).word == "proven"
        )
    assert gains <= 26  # 3.1 % expected at most; 26 of 400 have a chance of 1 in 4,000 at that


def test_directions_by_name() -> None:
    for name in ("val loss", "val", "test mse", "dev ppl", "wer", "valid_loss", "error rate"):
        assert direction(name) == "min"
    for name in ("val acc", "test accuracy", "F1 val", "test r2", "reward"):
        assert direction(name) == "max"
    assert requested_objective("validation") == Objective("", "", "validation")
    assert requested_objective("validation:val acc") == Objective("val acc", "max", "validation")


# ------------------------------------------------------------------ even pairs, alike criteria

FAULTY = [16.6, 11.9, 0.0, 14.3, 0.001, 26.6, 12.0, 0.0, 15.0, 17.0]
"""A rate that ruins most runs; the others end at next to nothing."""


def test_pairs_that_differ_by_next_to_nothing_count_for_neither_side() -> None:
    found = said(runs([*FAULTY], [0.006] * len(FAULTY)))
    assert (found.effect.wins, found.effect.pairs, found.word) == (7, 10, "proven")
    assert "ahead in 7 of 10 pairs, even in 3" in found.text
    few = said(runs(FAULTY[:5], [0.006] * 5))
    assert few.word == "undecided"
    assert few.more_seeds >= 4  # three of five were not even: five that are not need nine
    won = [x - 0.2 for x in (16.6, 11.9, 14.3)]
    lost = said(runs([16.6, 11.9, 1.0, 14.3, 1.0], [*won[:2], 4.0, won[2], 4.0]))
    assert lost.effect.wins == 3  # those that are lost by more than that still are


def test_an_accuracy_that_differs_by_less_than_its_even_share_is_no_win() -> None:
    accuracy = Objective("accuracy", "max", "yardstick")
    found = said(runs([0.9, 0.9, 0.9, 0.9, 0.9], [0.9005, 0.93, 0.93, 0.93, 0.93]), accuracy)
    assert (found.effect.wins, found.word) == (4, "undecided")


def of(criterion: str, arm: str, log_loss: float, loss: float, accuracy: float = 0.9) -> Runs:
    return {
        (arm, k): TrialRun(
            arm,
            k,
            loss + 0.001 * k,
            loss=((0, 0.7), (9, loss + 0.001 * k)),
            criterion=criterion,
            metrics={
                "start": 0.7,
                "chance": 0.69,
                "loss": loss + 0.001 * k,
                "yard:log-loss": log_loss,
                "yard:accuracy": accuracy,
            },
        )
        for k in range(5)
    }


def test_a_criterion_that_reads_logits_gives_one_kind_of_loss_whatever_act_is_before_it() -> None:
    """Two moons: the network's own probabilities are as good, and the loss loses its floor."""
    made = of("bce_with_logits of sigmoid", "base", 0.031, 0.51)
    made |= of("bce_with_logits", "candidate", 0.0317, 0.032)
    objective, why = fitting_objective(made, [ARM])
    assert (objective.source, incomparable_arms(made, [ARM])) == ("loss", ())
    assert why == "bce_with_logits reads what it gets as logits, whatever act stands before it"
    assert said(made, objective).word == "proven"


@pytest.mark.parametrize(("log_loss", "accuracy"), [(0.09, 0.9), (0.031, 0.8)])
def test_a_loss_that_falls_while_the_predictions_get_worse_is_no_gain(
    log_loss: float, accuracy: float
) -> None:
    made = of("cross_entropy of softmax", "base", 0.031, 1.2)
    made |= of("cross_entropy", "candidate", log_loss, 0.09, accuracy)
    found = said(made, fitting_objective(made, [ARM])[0])
    assert found.word == "no proven gain"
    assert "is worse" in found.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nll of softmax", "nll"),  # of raw scores it has no floor
        ("bce of sigmoid", "bce_with_logits"),
        ("cross_entropy times 0.5", "cross_entropy of softmax"),
    ],
)
def test_other_criteria_are_of_different_kinds(one: str, other: str) -> None:
    made = of(one, "base", 0.3, 1.2) | of(other, "candidate", 0.2, 0.4)
    assert incomparable_arms(made, [ARM]) == ("candidate",)
    assert fitting_objective(made, [ARM])[0].source == "yardstick"
