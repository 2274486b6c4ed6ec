"""What commands write as JSON is valid by the schemas that are published."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import story_of_a_death as story
import test_card_text as deck
import test_comparison as race
from rich.console import Console

import relume
from relume.cli.app import main
from relume.core.trial import Cure
from relume.report.machine.result_schemas import SCHEMAS, result_schema
from relume.report.trial_output import as_json, deliver_advice
from relume.trial.recommend import Advice

FOLDER = Path(__file__).parents[3] / "docs" / "schema"


def published(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


LISTS = {
    "rules-1": ["rules"],
    "explain-1": ["explain", "he-init"],
    "acts-1": ["acts", "*elu"],
    "runs-1": ["runs", "--dir", "{runs}"],
}

NOUNS = [name for name in SCHEMAS if name not in LISTS]


def written() -> dict[str, Any]:
    """One of each that is no list, as the commands write them."""
    trial = race.trial()
    cure = Cure(story.SICK, story.SICK.findings[0], (trial,))
    card = deck.made("gelu", range_high=deck.Measured(float("inf"), note="unbounded"))
    return {
        "cure-1": as_json(cure),
        "trial-1": as_json(trial),
        "card-1": json.loads(card.to_json()),
        "recommend-1": _recommended(),
    }


def _recommended() -> Any:
    with redirect_stdout(io.StringIO()) as out:
        pieces = (Advice("first", "cure the root", ("a dead layer",), "relume fix train.py"),)
        deliver_advice(story.SICK, pieces, "json", None, Console(file=io.StringIO()))
    return json.loads(out.getvalue())


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_published_schema_is_current(name: str) -> None:
    hint = "python -m relume.report.machine.result_schemas docs/schema"
    assert published(name) == result_schema(name), hint


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_a_command_writes_is_valid(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(2, 1)
    with relume.watch(model, path=tmp_path / "a.sqlite"):
        model(torch.ones(4, 2)).sum().backward()
    (tmp_path / "b.sqlite").write_text("no run")  # is listed with its problem
    words = [word.replace("{runs}", str(tmp_path)) for word in LISTS[name]]
    assert main([*words, "--output-format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    check = jsonschema.Draft202012Validator(published(name))
    check.validate(rows)
    assert rows
    for field in rows[0]:
        assert not check.is_valid([{key: v for key, v in rows[0].items() if key != field}]), field


@pytest.mark.parametrize("name", NOUNS)
def test_what_is_written_is_valid(name: str) -> None:
    text = json.dumps(written()[name], allow_nan=False)
    jsonschema.Draft202012Validator(published(name)).validate(json.loads(text))


@pytest.mark.parametrize("name", NOUNS)
def test_what_lacks_a_field_or_has_a_wrong_one_is_refused(name: str) -> None:
    check = jsonschema.Draft202012Validator(published(name))
    good = json.loads(json.dumps(written()[name]))
    for field in published(name)["required"]:
        assert not check.is_valid({key: v for key, v in good.items() if key != field}), field
        assert not check.is_valid({**good, field: object}), field
