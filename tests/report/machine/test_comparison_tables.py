"""A comparison as CSV, Markdown and LaTeX."""

import csv
import io
from dataclasses import replace

import pytest

from relume.core.trial import Arm, ArmSummary, Effect, Objective, Trial, Verdict
from relume.report.machine import comparison_tables as tables

GAIN = Effect(0.25, 0.2, 0.3, 0.001, 0.003, 5, 5, 0.2)
TRIAL = Trial(
    "which act?",
    Objective("training loss", "min", "loss"),
    (
        Arm("base", role="base", text="relu (the script as it is)"),
        Arm("relu", text="relu, weights drawn anew"),
        Arm("my_act", text="=my_act & 50 %"),
    ),
    (),
    (
        Verdict("relu", "no proven gain", "", replace(GAIN, mean=0.01, low=-0.1)),
        Verdict("my_act", "proven", "", GAIN, least=0.06, visible=0.11, power=0.25),
    ),
    tuple(
        ArmSummary(arm, 0.5, 0.4, 0.6, 5, step_seconds=0.002, held_out={"val acc": 0.7})
        for arm in ("base", "relu", "my_act")
    ),
    {
        "seeds": 5,
        "control": "relu",
        "factors": {
            "relu": {"factor": "init", "against": "base"},
            "my_act": {"factor": "act", "against": "relu"},
        },
    },
)


def test_csv_has_every_number_and_no_formula_of_the_users() -> None:
    rows = list(csv.DictReader(io.StringIO(tables.csv_table(TRIAL))))
    assert [row["factor"] for row in rows] == ["", "init", "act"]
    assert rows[2]["act"] == "'=my_act & 50 %"
    assert (rows[2]["difference"], rows[2]["p (Holm)"], rows[2]["val acc"]) == (
        "0.25",
        "0.003",
        "0.7",
    )
    assert rows[2]["ms a step"] == "2.0"
    assert (rows[2]["visible effect"], rows[2]["power"]) == ("0.11", "0.25")
    assert [row["verdict"] for row in rows] == ["", "no difference shown", "better"]


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_tables_for_people_say_method_control_and_power(form: str) -> None:
    text = tables.FORMS[form](TRIAL)
    assert "0.25 (0.2 to 0.3)" in text
    assert "arms are compared with relu, weights drawn anew" in text
    assert "A difference of 0.11 would have been found" in text
    table = text.split("\n\n", maxsplit=1)[0]
    assert "0.11" in table
    assert "0.25" in table
    assert "better" in table
    assert "proven" not in table
    if form == "latex":
        assert r"=my\_act \& 50 \%" in text
        assert text.count(r"\\") == 4  # the head and three arms
    else:
        assert text.count("\n|") == 4
