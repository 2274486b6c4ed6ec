"""The examples and the demos, run as a user runs them: unchanged, under `relume run`.

Every sick script must be named with the right cause at the right place, every healthy one must
stay silent, and recording must not change a digit of what the script prints.
"""

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from twice import ROOT, Ran, run_both

EXAMPLES = ROOT / "examples"
DEMOS = ROOT / "src" / "relume" / "demos"

HEALTHY = {
    "breast_cancer_mlp": 8,
    "diabetes_regression": 8,
    "digits_convnet": 4,
    "digits_lstm": 5,
    "digits_transformer": 4,
}
"""Epochs for one quick run; the sweep trains them to the end."""


def vanishing(ran: Ran) -> None:
    assert [(root["code"], root["severity"]) for root in ran.roots] == [("ACT601", "error")]
    assert ran.diagnosis["outcome"]["name"] == "stalled"
    site = int(ran.roots[0]["site"])
    assert 0 <= site < 16, "it breaks among the sigmoid layers, not at the head"


def died(ran: Ran) -> None:
    """The rate is the one root; the death of the third layer, nearly all of it, is its symptom."""
    assert [root["code"] for root in ran.roots] == ["ACT605"]
    assert ran.diagnosis["outcome"]["name"] == "stalled"
    found = {finding["key"]: finding for finding in ran.diagnosis["findings"]}
    dead, death = found["ACT401@relu()#3"], found["ACT403@relu()#3"]
    assert (dead["severity"], dead["evidence"]["value"] > 0.9) == ("error", True)
    assert death["steps"][0] > 30, "it learned first"
    assert death["explained_by"]


def double_softmax(ran: Ran) -> None:
    assert [(root["code"], root["severity"]) for root in ran.roots] == [("ACT201", "error")]


def at(site: str) -> Callable[[Ran], None]:
    def check(ran: Ran) -> None:
        double_softmax(ran)
        assert ran.roots[0]["site"] == site

    return check


def linear(ran: Ran) -> None:
    assert {root["code"] for root in ran.roots} == {"ACT101"}
    assert ran.roots[0]["site"] == "fc2"
    assert ran.keys == ["ACT101@fc2", "ACT101@out"]


SICK: dict[str, tuple[Path, Callable[[Ran], None]]] = {
    "digits_deep_sigmoid": (EXAMPLES, vanishing),
    "digits_high_lr": (EXAMPLES, died),
    "wine_double_softmax": (EXAMPLES, at("net.4")),
    "dying_relu": (DEMOS, died),
    "vanishing": (DEMOS, vanishing),
    "double_softmax": (DEMOS, at("4")),
    "linear_stack": (DEMOS, linear),
}

runs = cache(run_both)


def quick(name: str) -> Ran:
    """One run, recorded every second step: what is seen must not hang on how busy the machine is.

    `benchmarks/examples.py` leaves the pace to the budget, as a user does.
    """
    if name in HEALTHY:
        return runs(EXAMPLES / f"{name}.py", "--epochs", str(HEALTHY[name]), every=2)
    return runs(SICK[name][0] / f"{name}.py", every=2)


def test_every_script_has_a_row() -> None:
    there = {path.stem for room in (EXAMPLES, DEMOS) for path in room.glob("*.py")}
    assert there - {"__init__"} == {*HEALTHY, *SICK}


@pytest.mark.parametrize("name", [*HEALTHY, *SICK])
def test_recording_changes_no_digit(name: str) -> None:
    ran = quick(name)
    assert ran.bare.count("loss") >= 1
    assert ran.recorded == ran.bare


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_training_is_left_in_peace(name: str) -> None:
    ran = quick(name)
    assert ran.keys == []
    assert ran.diagnosis["ok"] is True
    assert (ran.code, ran.errors) == (0, "")
    assert ran.diagnosis["outcome"]["name"] in ("learning", "converged")


@pytest.mark.parametrize("name", SICK)
def test_a_sick_training_is_named(name: str) -> None:
    ran = quick(name)
    SICK[name][1](ran)
    assert (ran.diagnosis["ok"], ran.code) == (False, 1)


def test_a_tenth_of_the_rate_trains() -> None:
    """So the rate is the cause of the death in digits_high_lr, whatever relume says."""
    cured = runs(EXAMPLES / "digits_high_lr.py", "--lr", "0.01", every=2)
    assert float(cured.bare.split()[-1]) > 0.94
    assert cured.keys == []


@pytest.mark.parametrize("name", [*HEALTHY, *SICK])
def test_something_was_really_looked_at(name: str) -> None:
    """A silent recorder would pass every healthy case."""
    meta = quick(name).diagnosis["meta"]
    assert meta["records"] >= 15
    assert 40 <= meta["steps"] <= 600


@pytest.mark.parametrize("name", SICK)
def test_a_broken_twin_is_rejected(name: str) -> None:
    """A check that is content with a healthy run, or with another fault, would be worth nothing."""
    check = SICK[name][1]
    other = "wine_double_softmax" if check in (vanishing, died, linear) else "digits_deep_sigmoid"
    for ran in (quick("breast_cancer_mlp"), quick(other)):
        with pytest.raises((AssertionError, IndexError, KeyError)):
            check(ran)


@pytest.mark.parametrize("path", sorted(DEMOS.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_a_demo_needs_only_torch_and_says_what_is_broken(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    tops = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.partition(".")[0] for name in tops} <= {"torch", "math"}
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    assert 30 < len(first) <= 100
    assert first.endswith(".")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_does_not_know_relume(path: Path) -> None:
    text = path.read_text("utf-8").lower()
    for hint in ("relume", "noqa", "dead", "vanish", "saturat", "broken", "too high"):
        assert hint not in text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", HEALTHY)
def test_sweep_healthy(name: str, seed: int) -> None:
    ran = run_both(EXAMPLES / f"{name}.py", "--seed", str(seed), every=2)
    assert ran.recorded == ran.bare
    assert ran.keys == []
    score = float(ran.bare.split()[-1])
    assert score > (0.25 if name == "diabetes_regression" else 0.94), "it truly learns"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", [name for name in SICK if SICK[name][0] == EXAMPLES])
def test_sweep_sick(name: str, seed: int) -> None:
    ran = run_both(EXAMPLES / f"{name}.py", "--seed", str(seed), every=2)
    assert ran.recorded == ran.bare
    SICK[name][1](ran)
    if name != "wine_double_softmax":
        assert float(ran.bare.split()[-1]) < 0.15, "it truly ends at chance"
