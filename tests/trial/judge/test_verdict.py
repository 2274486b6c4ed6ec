"""Verdicts: their words, their numbers against scipy and tables, and their rate of false gains."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from fake_runner import FakeRunner, Rare
from scipy import stats

from relume.core.trial import Arm, Objective, Trial, TrialRun
from relume.errors import UsageError
from relume.trial.judge import paired_tests as tests
from relume.trial.judge import verdict as v
from relume.trial.paired_trial import recorded_arm, run_paired_trial

LOSS = Objective()
ONE = [Arm("candidate")]
NOISES: dict[str, Callable[[np.random.Generator], float]] = {
    "normal": lambda rng: float(rng.normal(0, 0.2)),
    "heavy tails": lambda rng: float(0.1 * rng.standard_t(2)),
    "skewed": lambda rng: float(0.1 * rng.lognormal(0, 1)),
    "two levels": lambda rng: float(rng.choice([0.0, 1.0], p=[0.8, 0.2])),
}


def runs(**arms: list[float | None]) -> dict[tuple[str, int], TrialRun]:
    return {
        (name, k): TrialRun(name, k, value, value is None, metrics={"start": 2.3})
        for name, values in arms.items()
        for k, value in enumerate(values)
    }


def said(base: list[float | None], arm: list[float | None], **more: object) -> v.Verdict:
    many = runs(base=base, candidate=arm)
    return v.judge(ONE, "base", many, range(len(base)), LOSS, **more)[0]  # type: ignore[arg-type]


def tried(runner: FakeRunner, candidates: int = 1) -> Trial:
    arms = [Arm("candidate"), *(Arm(f"other-{k}") for k in range(candidates - 1))]
    return run_paired_trial(runner, arms, "is it better?")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base", "arm", "word"),
    [
        ([1.0, 1.1, 0.9, 1.2, 1.0], [0.5, 0.6, 0.5, 0.6, 0.4], "proven"),
        ([0.5, 0.6, 0.5, 0.6, 0.4], [1.0, 1.1, 0.9, 1.2, 1.0], "worse"),
        ([1.0, 1.1, 0.9, 1.2, 1.0], [1.0, 1.1, 0.9, 1.2, 1.0], "no proven gain"),
        ([1.0, 1.1, 0.9, 1.2, 1.0], [0.999, 1.099, 0.899, 1.199, 0.999], "no proven gain"),
        ([1.0, 1.1, 0.9, 1.2, 1.0], [0.2, 1.2, 0.9, 0.3, 1.1], "undecided"),
        ([1.0, 1.1, 0.9, 1.2, 1.0], [1.3, 1.2, 0.9, 1.4, 1.0], "no proven gain"),
        ([None] * 5, [0.5, 0.6, 0.5, 0.6, 0.4], "proven"),
        ([0.5, 0.6, 0.5, 0.6, 0.4], [None] * 5, "worse"),
        ([None] * 5, [None] * 5, "no proven gain"),
        ([1.0, 1.1, 0.9, 1.2, 1.0], [0.5, 0.5, 0.5, 0.5, None], "undecided"),
    ],
)
def test_the_words(base: list[float | None], arm: list[float | None], word: str) -> None:
    assert said(base, arm).word == word


def test_a_run_that_broke_down_loses_to_every_other() -> None:
    found = said([1.0, 1.1, 0.9, 1.2, 1.0], [0.5, 0.5, 0.5, 0.5, None])
    assert found.effect is not None
    assert (found.effect.wins, found.effect.diverged, found.effect.broken) == (4, (1, 0), (1, 0))
    assert found.effect.worst == -math.inf
    assert found.effect.mean == pytest.approx(0.55)  # of the pairs that have a difference


def test_the_effect_is_scipys() -> None:
    base, arm = [1.0, 1.4, 0.9, 1.2, 1.3], [0.8, 0.7, 0.9, 0.6, 0.7]
    found = said(base, arm).effect
    oracle = stats.ttest_rel(base, arm)
    low, high = oracle.confidence_interval(0.95)
    assert found is not None
    assert found.p == pytest.approx(oracle.pvalue)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.mean == pytest.approx(np.mean(base) - np.mean(arm))


def test_holm_by_hand_and_with_earlier_questions() -> None:
    assert tests.holm([0.01, 0.02, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert tests.holm([0.01], tests=4) == pytest.approx([0.04])
    assert tests.holm([]) == []


def test_the_power_is_what_a_simulation_says() -> None:
    rng = np.random.default_rng(0)
    for n, size in ((5, 2.0), (5, 1.0), (10, 1.0), (20, 0.5)):
        draws = rng.normal(size, 1, (4000, n))
        t = draws.mean(1) / (draws.std(1, ddof=1) / math.sqrt(n))
        wins = (draws > 0).sum(1)
        coin = np.array([stats.binomtest(int(k), n, 0.5, "greater").pvalue for k in wins])
        share = float(((t > stats.t.ppf(0.975, n - 1)) & (coin <= 0.05)).mean())
        assert tests.power(n, size) == pytest.approx(share, abs=0.025)
        assert tests.power(n, size) <= float((t > stats.t.ppf(0.975, n - 1)).mean()) + 0.025


def test_the_stated_power_is_how_often_the_verdict_says_proven() -> None:
    """The table's chance is that of the whole test, signs included, not of t alone."""
    rng = np.random.default_rng(1)
    hits, stated = 0, []
    for _ in range(300):
        d = rng.normal(0.4, 0.2, 5)
        found = said([1.0] * 5, list(1.0 - d))
        hits += found.word == "proven"
        stated.append(tests.power(5, 2.0))
    assert hits / 300 == pytest.approx(stated[0], abs=0.06)
    found = said([1.0, 1.1, 0.9, 1.2, 1.0], [0.2, 1.2, 0.9, 0.3, 1.1])
    assert found.power is not None
    assert found.least is not None
    assert found.power == tests.power(5, found.least / np.std([0.8, -0.1, 0, 0.9, -0.1], ddof=1))


def test_undecided_says_how_many_more_seeds_would_do() -> None:
    found = said([1.0, 1.1, 0.9, 1.2, 1.0], [0.2, 1.2, 0.9, 0.3, 1.1])
    assert found.word == "undecided"
    assert found.more_seeds is not None
    d = np.array([0.8, -0.1, 0.0, 0.9, -0.1])
    n = found.more_seeds + 5
    assert (
        tests.power(n, d.mean() / d.std(ddof=1))
        >= 0.8
        > tests.power(n - 1, d.mean() / d.std(ddof=1))
    )
    assert f"{found.more_seeds} more seed" in found.text


def test_a_symptom_that_goes_without_a_gain_is_said() -> None:
    key = "ACT401@relu()"
    many = runs(base=[1.0, 1.1, 0.9, 1.2, 1.0], candidate=[1.0, 1.1, 0.9, 1.2, 1.0])
    for k in range(5):
        many["base", k] = TrialRun("base", k, 1.0, findings=(key,))
    found = v.judge(ONE, "base", many, range(5), LOSS, symptom=key)[0]
    assert found.word == "symptom gone, no measurable gain"
    many["candidate", 0] = many["candidate", 1] = TrialRun("candidate", 0, 1.0, findings=(key,))
    assert v.judge(ONE, "base", many, range(5), LOSS, symptom=key)[0].word == "no proven gain"


def test_an_edit_that_was_never_laid_says_nothing() -> None:
    many = runs(base=[1.0] * 5)
    for k in range(5):
        many["candidate", k] = TrialRun(
            "candidate", k, 0.1, problem="could not be laid: no optimiser"
        )
    found = v.judge(ONE, "base", many, range(5), LOSS)[0]
    assert (found.word, found.effect) == ("not run", None)


def test_two_points_of_an_accuracy() -> None:
    accuracy = Objective("accuracy", "max", "yardstick")
    base = [0.90, 0.91, 0.90, 0.92, 0.91]
    for gain, word in ((0.03, "proven"), (0.005, "no proven gain"), (-0.03, "worse")):
        arm: list[float | None] = [x + gain + 1e-4 * k for k, x in enumerate(base)]
        many = runs(base=list(base), candidate=arm)
        assert v.judge(ONE, "base", many, range(5), accuracy)[0].word == word


# ---------------------------------------------------------------------- calibration


@pytest.mark.parametrize("noise", NOISES)
def test_identical_arms_show_no_gain(noise: str) -> None:
    """400 whole trials of three candidates that differ from the base in nothing but noise."""
    gains = 0
    for trial in range(400):
        found = tried(FakeRunner(NOISES[noise], trial=trial, broken={"": 0.1}), candidates=3)
        gains += any(one.word == "proven" and one.fresh for one in found.verdicts)
    assert gains <= 20  # 5 % of 400; what is measured is in docs/proof.md


def test_identical_arms_show_no_gain_in_one_stage() -> None:
    """Also without fresh seeds, which a comparison of named arms does not have."""
    gains = 0
    for trial in range(400):
        runner = FakeRunner(NOISES["normal"], trial=trial)
        runner.run([Arm("base"), *ONE], range(5))
        gains += v.judge(ONE, "base", runner.runs, range(5), LOSS)[0].word == "proven"
    assert gains <= 20


def test_a_verdict_without_a_test_would_be_found_out() -> None:
    """The broken twin: whoever calls the better mean a gain is wrong in half of the trials."""
    wrong = 0
    for trial in range(100):
        runner = FakeRunner(NOISES["normal"], trial=trial)
        runner.run([Arm("base"), *ONE], range(5))
        found = v.judge(ONE, "base", runner.runs, range(5), LOSS)[0].effect
        wrong += found is not None and found.mean > 0
    assert wrong > 30


def test_a_planted_gain_is_found_with_the_stated_power() -> None:
    spread = 0.2 * math.sqrt(2)  # of a difference of two runs
    found = 0
    for trial in range(400):
        runner = FakeRunner(NOISES["normal"], {"candidate": 2 * spread}, trial=trial)
        runner.run([Arm("base"), *ONE], range(5))
        found += v.judge(ONE, "base", runner.runs, range(5), LOSS)[0].word == "proven"
    assert found / 400 == pytest.approx(tests.power(5, 2.0), abs=0.05)


def test_the_winner_is_judged_on_fresh_seeds_only() -> None:
    runner = FakeRunner(NOISES["normal"], {"candidate": 1.0})
    found = tried(runner, candidates=2)
    verdict = found.verdict("candidate")
    assert verdict is not None
    assert verdict.fresh
    assert verdict.effect is not None
    fresh = [runner.runs["base", k].value - runner.runs["candidate", k].value for k in range(5, 10)]  # type: ignore[operator]
    assert verdict.effect.mean == pytest.approx(np.mean(fresh))
    assert ("other-0", 5) not in runner.runs  # only the winner runs again


def test_a_fault_that_strikes_one_run_in_five_is_found_by_flipped_signs() -> None:
    """Of the trials in which it struck among the first five, t finds none within its seeds."""
    words: list[str] = []
    for trial in range(100):
        runner = Rare(NOISES["normal"], trial=trial)
        verdict = tried(runner).verdict("candidate")
        assert verdict is not None
        first = [runner.runs["base", k].value for k in range(5) if ("base", k) in runner.runs]
        if first.count(Rare.RUINED) == 1 and len(first) == 5:
            words.append(verdict.word)
            assert verdict.effect is not None
            if verdict.fresh:
                assert verdict.effect.pairs == 20
                assert "by flipped signs p = 1.91e-06" in verdict.text
    assert len(words) > 20
    assert words.count("proven") > 0.7 * len(words)  # it must strike in the fresh twenty


def test_who_is_not_always_ahead_is_not_judged_by_flipped_signs() -> None:
    class Even(Rare):
        ahead = False

    some = 0
    for trial in range(40):
        runner = Even(NOISES["normal"], trial=trial)
        found = tried(runner).verdict("candidate")
        assert found is not None
        ahead = all(
            runner.runs["base", k].value > runner.runs["candidate", k].value  # type: ignore[operator]
            for k in range(5)
            if ("base", k) in runner.runs
        )
        assert ahead or "flipped" not in found.text
        some += not ahead
    assert some > 30


def test_flipped_signs_are_scipys() -> None:
    d = [0.3, 0.1, -0.2, 0.5, 0.05, 1.4, -0.01]
    oracle = stats.permutation_test(
        (np.array(d),), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert tests.flips(d) == pytest.approx(oracle.pvalue)
    assert tests.flips([0.1] * 10) == pytest.approx(2 / 1024)


def test_a_placebo_that_wins_takes_the_proof_away() -> None:
    class Restless(FakeRunner):
        """Runs get better each time they are made: the placebo beats the base."""

        def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
            value = {"base": 1.0, "placebo": 0.5}.get(arm.name, 0.1) + 0.01 * seed
            return TrialRun(arm.name, seed, value, loss=((0, value),), metrics={"loss": value})

    found = tried(Restless(NOISES["normal"]))
    assert found.meta["repeatable"] is False
    assert found.verdict("placebo").word == "proven"  # type: ignore[union-attr]
    assert found.verdict("candidate").word == "undecided"  # type: ignore[union-attr]
    assert found.shots_of("placebo")[-1].seed == 4  # it ran at every seed, to be judged


@pytest.mark.parametrize(
    ("printed", "hint"),
    [
        ("usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --seeds 3\n", True),
        ("ValueError: no data here\n", False),
    ],
)
def test_a_script_that_trains_nothing_is_told_with_its_last_words(printed: str, hint: bool) -> None:
    class Refused(FakeRunner):
        def run_recorded(self, arm: Arm, keep: object) -> TrialRun:
            return TrialRun(arm.name, 0, problem="it gave no loss (sys.exit(2))", output=printed)

    with pytest.raises(UsageError, match=r"trained nothing: it gave no loss") as told:
        recorded_arm(Refused(NOISES["normal"]))  # type: ignore[arg-type]
    assert printed.strip().splitlines()[-1] in str(told.value)
    assert ("What relume does not know goes to the script" in str(told.value)) is hint
