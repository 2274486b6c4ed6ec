"""`relume card` and `relume acts` as they are typed."""

import json
from pathlib import Path
from typing import Any

import pytest

from relume.cli import app
from relume.core import Card

QUICK = ["--no-timing", "--width", "16", "--depth", "2", "--samples", "50"]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Calls `main` in an empty folder with an empty cache; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("RELUME_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def invoke(*args: str) -> tuple[int, str, str]:
        code = app.main(args)
        out, err = capfd.readouterr()
        return code, out, err

    return invoke


def test_a_card_is_shown(call: Any) -> None:
    code, out, err = call("card", "relu", *QUICK)
    assert (code, err) == (0, "")
    for word in ("max(0, z)", "0 to ∞", "Gain that keeps", "1.4142", "below 0", "Not measured"):
        assert word in out
    assert "Mean of post" not in out
    every = call("card", "relu", *QUICK, "-v")[1]
    assert "Mean of post" in every
    assert "0.39894" in every
    assert "Gauss-Legendre" not in out
    assert "⡴" in out or "⠤" in out
    assert "Gauss-Legendre" in " ".join(call("card", "relu", *QUICK, "--methods")[1].split())
    assert "f'(z)" not in call("card", "relu", *QUICK, "--no-plot")[1]


def test_json_goes_to_stdout_one_as_an_object_several_as_a_list(call: Any) -> None:
    code, out, _ = call("card", "tanh", *QUICK, "--output-format", "json")
    assert code == 0
    assert Card.from_json(out)["mean"].value == 0.0
    found = json.loads(call("card", "tanh", "relu", *QUICK, "--output-format", "json")[1])
    assert [one["act"] for one in found] == ["tanh", "relu"]


def test_side_by_side(call: Any) -> None:
    args = ("card", "--compare", "relu,elu(0.5),silu", *QUICK, "--no-plot")
    code, out, _ = call(*args)
    assert code == 0
    assert "elu(alpha=0.5" in out
    row = next(line.split() for line in out.splitlines() if "Gradient kept" in line)
    assert len(row) == 7  # four words, three acts
    assert "Mean of post" in call(*args, "-v")[1]


@pytest.mark.parametrize("ending", ["json", "svg", "txt"])
def test_files_by_their_ending(ending: str, call: Any, tmp_path: Path) -> None:
    code, out, err = call("card", "gelu", *QUICK, "-o", f"page.{ending}")
    assert (code, out) == (0, "")
    assert err == f"relume: the card is in {tmp_path / f'page.{ending}'}.\n"
    page = (tmp_path / f"page.{ending}").read_text("utf-8")
    first = {"json": '{\n  "act": "gelu"', "svg": "<svg xmlns=", "txt": "\n━━ gelu ━━"}
    assert page.startswith(first[ending])


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["card", "gelo"], "unknown act 'gelo'; did you mean 'gelu'?"),
        (["card", "relu", "gelo"], "unknown act 'gelo'; did you mean 'gelu'?"),
        (["card", "--compare", "relu,gelo"], "unknown act 'gelo'; did you mean 'gelu'?"),
        (["card"], "name an act, such as 'relume card gelu'; 'relume acts' lists them."),
        (["card", "elu(beta=2)"], "'elu(beta=2)': elu has no parameter 'beta'; it has: alpha"),
        (["card", "elu(", "relu"], "'elu(' is no act with parameters; write it as "),
        (["card", "relu", "--width", "0"], "width is 0; it is a whole number from 1 on."),
        (["card", "relu", "--width", "x"], "invalid value for '--width'"),
        (["card", "relu", "-o", "x.png"], "the file 'x.png' needs an ending: "),
        (["card", "relu", "--output-format", "jsn"], "unknown output format 'jsn'; did you mean"),
        (["acts", "no*such"], "no act matches 'no*such'; 'relume acts' lists them all."),
        (["crad", "relu"], "unknown command 'crad'; did you mean 'card'?"),
    ],
)
def test_bad_input_is_one_sentence_and_2(args: list[str], sentence: str, call: Any) -> None:
    code, out, err = call(*args)
    assert (code, out) == (2, "")
    assert err.startswith(f"relume: {sentence}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("columns", ["60", "160"])
def test_acts_are_listed(columns: str, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = call("acts")
    assert (code, err) == (0, "")
    for word in ("relu", "softmax", "swish", "beta*=1.0", "2016", "smooth", "learned in training"):
        assert word in out
    assert max(map(len, out.splitlines())) <= int(columns)
    some = call("acts", "*GELU")[1]
    assert "gelu" in some
    assert "softmax" not in some


def test_a_kept_card_is_not_measured_again(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = call("card", "tanh", *QUICK)[1]

    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("relume.cards.build_card.curve", refuse)
    assert call("card", "tanh", *QUICK)[1] == first
    with pytest.raises(AssertionError, match="measured again"):
        call("card", "tanh", *QUICK, "--fresh")
