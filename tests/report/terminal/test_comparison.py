"""A comparison of acts in the terminal: what it says, and that it fits."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from relume.core.trial import Arm, ArmSummary, Effect, Objective, Trial, Verdict
from relume.report.terminal.comparison import comparison, conclusions

GAIN = Effect(0.25, 0.2, 0.3, 0.001, 0.003, 5, 5, 0.2)
NONE = Effect(0.01, -0.1, 0.1, 0.9, 0.9, 3, 5, -0.1)


def standing(arm: str, mean: float, parameters: int) -> ArmSummary:
    return ArmSummary(
        arm, mean, mean - 0.05, mean + 0.05, 5, 0, 0.5, 14, 0.0189, 346_000_000, 0.0, parameters
    )


def trial(own: Effect = NONE) -> Trial:
    word = "proven" if own is GAIN else "no proven gain"
    return Trial(
        "which act in the hidden layers, instead of relu?",
        Objective("training loss", "min", "loss"),
        (
            Arm("base", role="base", text="relu (the script as it is)"),
            Arm("relu", text="relu, weights drawn anew"),
            Arm("maxout", text="maxout, 2 pieces a unit"),
        ),
        (),
        (Verdict("relu", word, "", own), Verdict("maxout", "proven", "", GAIN)),
        (
            standing("base", 0.62, 13_130),
            standing("relu", 0.36, 13_130),
            standing("maxout", 0.21, 25_610),
        ),
        {
            "control": "relu",
            "factors": {
                "relu": {"factor": "init", "against": "base"},
                "maxout": {"factor": "act", "against": "relu"},
            },
            "own": ["relu"],
            "seeds": 5,
            "seconds": 3.0,
            "kept_in": "/tmp/runs/x.jsonl",
        },
    )


def shown(found: Trial, width: int) -> list[str]:
    stream = io.StringIO()
    comparison(found, Console(file=stream, width=width, color_system=None))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 100, 120])
def test_it_fits_and_names_the_price(width: int) -> None:
    lines = shown(trial(), width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "25.6k" in text  # twice the parameters of the layers
    assert "2 pieces a unit" in text
    assert not any(line.strip() in ("% dead", "dead") for line in lines)  # no cell is broken


def test_an_initialisation_that_gains_by_itself_is_not_taken_for_the_act() -> None:
    said = "Drawing the weights anew is a gain by itself: better by 0.25"
    assert any(said in line for line in conclusions(trial(GAIN)))
    assert not any(said in line for line in conclusions(trial()))
    assert any("shows no difference by itself" in line for line in conclusions(trial()))
    for factor, found in (("init", trial(GAIN)), ("act", trial())):
        text = " ".join(" ".join(shown(found, 90)).split())  # a row below the other
        assert f"{factor}: better by 0.25" in text


def test_acts_are_held_against_the_control() -> None:
    assert conclusions(trial())[1] == (
        "Better than relu, weights drawn anew: maxout, 2 pieces a unit."
    )


def test_held_out_numbers_and_what_could_be_seen_stand_in_the_table() -> None:
    made = trial()
    held = tuple(replace(one, held_out={"val acc": 0.7}) for one in made.standings)
    verdicts = tuple(replace(one, visible=0.11, least=0.06, power=0.25) for one in made.verdicts)
    text = " ".join(" ".join(shown(replace(made, standings=held, verdicts=verdicts), 120)).split())
    assert "pairs a difference of 0.11 shows in 80 % of trials" in text
    assert "the least worth a change, 0.06 (--least), in 25 %" in text
    assert "val acc at the end: relu (the script as it is) 0.7" in text
    assert "--metric 'validation:val acc'" in text
