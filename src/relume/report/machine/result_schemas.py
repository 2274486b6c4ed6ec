"""The published JSON schemas of what commands write, made from the types of what they write.

Run as a module it writes docs/schema/NAME.json. A number that JSON does not have is a string
("nan", "inf", "-inf") and a severity is its name, as `core.jsonable.plain` writes them.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from relume.core import Card, Severity
from relume.core.trial import Cure, Trial
from relume.report.machine.json_file import write
from relume.report.machine.list_rows import ActRow, PageRow, Recommendation, RuleRow, RunRow

SCHEMAS: Mapping[str, Any] = {
    "cure-1": Cure,
    "trial-1": Trial,
    "card-1": Card,
    "rules-1": list[RuleRow],
    "explain-1": list[PageRow],
    "acts-1": list[ActRow],
    "runs-1": list[RunRow],
    "recommend-1": Recommendation,
}
"""What `relume fix`, `prove` and `compare`, `card`, and the lists write; a change that breaks a
reader gets the next number."""
HEAD = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
NOT_IN_JSON = {"enum": ["nan", "inf", "-inf"]}


def result_schema(name: str) -> dict[str, Any]:
    """Return a schema of `SCHEMAS` by its name."""
    made = TypeAdapter(SCHEMAS[name]).json_schema(mode="serialization")
    return HEAD | cast("dict[str, Any]", _as_written(made))


def _as_written(part: Any) -> Any:
    """Return a part of a schema as `plain` writes what it describes."""
    if isinstance(part, list):
        return [_as_written(each) for each in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    known = {key: _as_written(value) for key, value in cast("dict[str, Any]", part).items()}
    known.pop("default", None)
    if known.get("title") == "Severity" and "enum" in known:
        return {"title": "Severity", "enum": [str(each) for each in Severity]}
    if known.get("type") == "number":
        words = {key: value for key, value in known.items() if key != "type"}
        return {**words, "anyOf": [{"type": "number"}, NOT_IN_JSON]}
    return known


def main(argv: Sequence[str]) -> int:
    """Write all schemas to the folder named in `argv`."""
    (folder,) = argv
    for name in SCHEMAS:
        write(f"{json.dumps(result_schema(name), indent=2)}\n", Path(folder) / f"{name}.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
