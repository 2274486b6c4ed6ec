"""What trials and cards write as JSON is valid by the schemas that are published."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import story_of_a_death as story
import test_card_text as deck
import test_comparison as race

from relume.core.trial import Cure
from relume.report.machine.result_schemas import SCHEMAS, result_schema
from relume.report.trial_output import as_json

FOLDER = Path(__file__).parents[3] / "docs" / "schema"


def published(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def written() -> dict[str, Any]:
    """One of each, as the commands write them."""
    trial = race.trial()
    cure = Cure(story.SICK, story.SICK.findings[0], (trial,))
    card = deck.made("gelu", range_high=deck.Measured(float("inf"), note="unbounded"))
    return {
        "cure-1": as_json(cure),
        "trial-1": as_json(trial),
        "card-1": json.loads(card.to_json()),
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_published_schema_is_current(name: str) -> None:
    hint = "python -m relume.report.machine.result_schemas docs/schema"
    assert published(name) == result_schema(name), hint


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_written_is_valid(name: str) -> None:
    text = json.dumps(written()[name], allow_nan=False)
    jsonschema.Draft202012Validator(published(name)).validate(json.loads(text))


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_lacks_a_field_or_has_a_wrong_one_is_refused(name: str) -> None:
    check = jsonschema.Draft202012Validator(published(name))
    good = json.loads(json.dumps(written()[name]))
    for field in published(name)["required"]:
        assert not check.is_valid({key: v for key, v in good.items() if key != field}), field
        assert not check.is_valid({**good, field: object}), field
