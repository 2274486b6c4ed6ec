"""The experiments: planted ones with a known answer, the stored results, and what they say."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from relume.atlas import result_cache
from relume.atlas.experiment import Experiment, Outcome, experiment, experiments
from relume.atlas.measured_figures import against, figure, median_intervals, sentences, verdicts
from relume.atlas.run_experiment import run_experiment
from relume.errors import UnknownNameError, UsageError

QUICK = {"positive-bias": "zero", "noise": "elu", "learning-rate-and-death": "relu 2"} | {
    "unstable-relu": "leaky 0.1 at 0.3",
    "zero-centring": "centred",
    "first-choice": "maxout",
    "steps-to-error": "tanh",
    "steps-to-small-error": "relu",
    "depth-and-vanishing": "tanh",
    "act-cost": "relu",
    "wiring": "not held",
    "rows-alike": "penalised",
}
"""Every experiment, and an arm that is measured in about a second."""


def nothing(what: str, done: int, total: int) -> None:
    """No progress."""


def noise(seed: int) -> float:
    """Numbers around zero that a seed fixes."""
    return ((seed * 7919) % 13 - 6) / 6


def planted(seed: int, arm: str, rate: float) -> Outcome:
    """`better` is 30 below the base, `same` equals it but for noise, `lost` never arrives; all at
    their best at rate 0.1."""
    value = 100 + noise(seed) + 50 * abs(rate - 0.1)
    if arm == "lost":
        return {"steps": None, "other": 1.0}
    away = {"base": 0.0, "better": -30.0, "same": 0.3 * noise(seed + 5), "worse": 40.0}[arm]
    return {"steps": value + away, "other": 2.0 * value}


PLANTED = Experiment(
    "planted",
    "Which is better?",
    planted,
    {"base": "the base", "better": "Better", "same": "Same", "worse": "Worse", "lost": "Lost"},
    {"steps": "steps", "other": "something else"},
    seeds=8,
    rates=(0.01, 0.1, 1.0),
    unit="steps",
    setting="made up",
)


@pytest.fixture
def found() -> Mapping[str, object]:
    """The planted experiment, run."""
    return run_experiment(PLANTED, progress=nothing)


def test_planted_answers_are_found(found: Mapping[str, object]) -> None:
    words = {verdict.arm: verdict.word for verdict in verdicts(PLANTED, found)}
    assert words == {
        "better": "proven", "same": "no proven gain", "worse": "worse", "lost": "worse",
    }  # fmt: skip
    assert found["rates"] == dict.fromkeys(PLANTED.arms, 0.1) | {"lost": 0.01}


def test_sentences_carry_difference_interval_and_pairs(found: Mapping[str, object]) -> None:
    told = dict(zip(list(PLANTED.arms)[1:], sentences(PLANTED, found), strict=True))
    text = "Better against the base: better by 30 steps (30 to 30); ahead in 8 of 8 pairs."
    assert told["better"] == ("proven", text)
    assert "maybe none" in told["same"][1]
    assert told["lost"][1] == "Lost did not arrive in any of 8 pairs in which the base did."


def test_a_median_of_those_that_arrived_flatters_nobody(found: Mapping[str, object]) -> None:
    columns = median_intervals(found, "steps")
    assert columns["lost"] == (None, None, None)
    middle, low, high = columns["base"]
    assert middle is not None
    assert low is not None
    assert high is not None
    assert low < middle < high


def test_one_run_that_exploded_moves_no_median_and_the_headline_is_the_verdicts(
    found: Mapping[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: Mapping[str, Mapping[str, list[float]]] = found["runs"]  # type: ignore[assignment]
    exploded = {**runs["same"], "steps": [*runs["same"]["steps"][:-1], 9e5]}
    told = {**found, "runs": {**runs, "same": exploded}}
    before, after = (median_intervals(one, "steps")["same"][0] for one in (found, told))
    assert before is not None
    assert after is not None
    assert abs(after - before) < 1  # the noise of a seed
    monkeypatch.setattr("relume.atlas.measured_figures.stored_result", lambda _: told)
    drawn = figure(PLANTED)
    assert drawn is not None
    assert max(drawn.data["points"]["steps"]["same"]) == 9e5
    said = next(say.text for say in drawn.says if "Against" in say.text)
    assert said.startswith("Median steps. Against the base (")
    better, worse, rest = said.split("; ")
    assert "surely better: Better (" in better
    assert worse.startswith("surely worse: Worse (")
    assert "Lost" in worse
    assert rest.startswith("no sure difference: Same (")


def test_arms_are_paired_with_the_arm_they_are_compared_with() -> None:
    other = replace(PLANTED, against={"worse": "better"})
    found = run_experiment(other, progress=nothing)
    assert against(other, "worse") == "better"
    effect = next(v.effect for v in verdicts(other, found) if v.arm == "worse")
    assert effect is not None
    assert effect.mean == pytest.approx(-70)


def test_runs_are_kept_whole_and_read_again(
    found: Mapping[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELUME_CACHE", str(tmp_path))
    path = result_cache.store_result(found, result_cache.folder())
    again = result_cache.stored_result(PLANTED)
    assert again is not None
    assert again["here"]
    assert {key: again[key] for key in found} == found
    drawn = figure(PLANTED)
    assert drawn is not None
    assert "this machine" in " ".join(drawn.data["notes"]["source"])
    assert drawn.data["notes"]["missing"]["steps"]["lost"] == "none of 8 runs arrived"
    for broken in ("", "{}", "[1]", path.read_text("utf-8").replace("8", "9", 1), "null"):
        path.write_text(broken, "utf-8")
        assert result_cache.stored_result(PLANTED) is None
    text = json.dumps({**found, "runs": {**found["runs"], "base": {}}})  # type: ignore[dict-item]
    path.write_text(text, "utf-8")
    assert result_cache.stored_result(PLANTED) is None


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match=r"needs no-such-package, which is not installed"):
        run_experiment(replace(PLANTED, needs="no-such-package"), progress=nothing)


def test_an_unknown_experiment_has_a_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'zero-centring'"):
        experiment("zero-centering")


def test_every_experiment_has_its_stored_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELUME_CACHE", "/nowhere")
    assert set(QUICK) == set(experiments())
    for one in experiments().values():
        found = result_cache.stored_result(one)
        assert found is not None, one.name
        assert found["seeds"] == one.seeds
        assert {"relume", "torch", "python"} <= set(found["versions"])
        assert set(found["rates"]) == (set(one.arms) if len(one.rates) > 1 else set())
        assert len(sentences(one, found)) == len(one.arms) - 1


@pytest.mark.parametrize("name", [n for n in QUICK if n != "act-cost"])
def test_an_experiment_gives_the_same_twice(name: str) -> None:
    pytest.importorskip("sklearn")
    one, arm = experiment(name), QUICK[name]
    rate = 0.1 if 0.1 in one.rates else one.rates[0]
    first = one.measure(3, arm, rate)
    assert list(first) == list(one.columns)
    assert one.measure(3, arm, rate) == first
    assert any(value is not None for value in first.values())
    json.dumps(first, allow_nan=False)


def test_the_clock_gives_positive_times() -> None:
    first = experiment("act-cost").measure(0, "relu", 0.1)
    assert all(value is not None and value > 0 for value in first.values())
