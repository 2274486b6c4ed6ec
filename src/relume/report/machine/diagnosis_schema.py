"""Makes the published JSON schema of a diagnosis from pydantic models that mirror `core`.

    python -m relume.report.machine.diagnosis_schema            writes it to stdout
    python -m relume.report.machine.diagnosis_schema FILE       writes it to a file

Within a version fields are only added, so a reader must skip fields that it does not know. A
field that goes away or changes its meaning makes the next version: another number, another file.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from relume.core import SCHEMA
from relume.report.machine.json_file import emit, write

CLASS = re.compile(r'(\w)Schema"')
TITLE = f"relume diagnosis, version {SCHEMA}"
Number = Annotated[
    float | Literal["inf", "-inf", "nan"],
    Field(description="a number; JSON has no infinities, so those are words"),
]
Value = Number | str | bool | None
Step = Annotated[int, Field(description="an optimiser step")]
Key = Annotated[str, Field(description="CODE@site, unique in a diagnosis")]
Level = Literal["fact", "note", "warning", "error"]
Code = Annotated[str, Field(pattern=r"^[A-Z]+\d+$")]


class SchemaModel(BaseModel):
    """The base of the models: attribute docstrings become descriptions."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class EvidenceSchema(SchemaModel):
    """The numbers behind a finding."""

    stat: str
    """The measured stat, which is its formula and unit."""
    value: Number
    """What was measured."""
    threshold: Number | None
    """The limit it crossed; null for a fact."""
    samples: int
    """How many samples, rows or records stand behind the value."""
    more: dict[str, Value]
    """Further numbers and words that the message quotes."""
    curve: list[tuple[Step, Number]]
    """The stat over steps, at most 64 points."""


class FindingSchema(SchemaModel):
    """A rule's claim about a site."""

    key: Key
    code: Code
    name: str
    severity: Level
    """After what the run's outcome allows."""
    raw_severity: Level | None
    """What the rule said."""
    site: str
    """A qualified name; empty for the whole model."""
    layer: str
    """The layer that feeds the site; empty if there is none."""
    file: str
    """The source file of the site; empty if it is not known."""
    line: int
    """The line in it; 0 if it is not known."""
    steps: tuple[Step, Step]
    """The first and the last step for which it holds."""
    message: str
    """The claim as a sentence."""
    text: str
    """The message as a format string over the evidence."""
    evidence: EvidenceSchema
    cure: str
    """What to try first; empty if nothing."""
    explains: list[Key]
    """Findings that this one is the cause of."""
    explained_by: list[Key]
    """Findings that are the cause of this one."""
    cleared: bool
    """It held earlier, and no longer when the run ended."""


class CheckedSchema(SchemaModel):
    """A rule that checked its sites and found nothing."""

    code: Code
    name: str
    text: str
    """What was measured, in words."""
    near: float
    """How near that came to the rule's limit: 1 at it, 0 far from it or not known."""
    applies: bool
    """Whether the run has what the rule is about: a gate, a regression."""


class NotCheckedSchema(SchemaModel):
    """A rule that could not check a site, or any."""

    code: Code
    name: str
    site: str
    reason: str
    remedy: str
    """What would let it check; empty if nothing."""


class OutcomeSchema(SchemaModel):
    """How the run fared, judged from its loss alone."""

    name: Literal[
        "learning",
        "converged",
        "plateaued",
        "stalled",
        "diverged",
        "oscillating",
        "too-short",
        "no-loss",
        "balanced",
        "one-sided",
        "several-losses",
        "signed",
        "moving-targets",
    ]
    text: str
    numbers: dict[str, Value]


class SilencedSchema(SchemaModel):
    """A finding that counts for nothing, and why."""

    finding: FindingSchema
    by: Literal["comment", "config", "baseline"]
    where: str
    """The file, with the line for a comment."""
    reason: str
    """As the comment or the configuration gives it; empty if it gives none."""
    root: str
    """The key of the silenced finding that it is a symptom of; empty if it was silenced itself."""


class DiagnosisSchema(SchemaModel):
    """What `relume diagnose --output-format json` writes, and `Diagnosis.to_json()`."""

    model_config = ConfigDict(title=TITLE, use_attribute_docstrings=True)

    version: Literal[1] = Field(alias="schema")
    """The version of this format."""
    ok: bool
    """Nothing of warning or above, the silenced ones aside."""
    roots: list[Key]
    """Findings that no other explains, in the order of the report."""
    findings: list[FindingSchema]
    """Causes before symptoms."""
    checked: list[CheckedSchema]
    not_checked: list[NotCheckedSchema]
    ruled_out: list[CheckedSchema]
    """What could have been the cause, was checked, and is not."""
    outcome: OutcomeSchema
    verdict: Literal["fine", "learns-but", "fails", "nothing-found", "unseen", ""]
    """What may be said of the run as a whole; empty for a model that was only checked."""
    unseen: list[str]
    """What is missing for calling the run fine."""
    trainings: list[OutcomeSchema]
    """The outcome of each training, where the script makes several in turn."""
    suspects: list[str]
    """The likeliest causes where the run fails and no rule is sure why."""
    suppressed: list[SilencedSchema]
    """Findings that a comment, the configuration or a baseline silenced."""
    meta: dict[str, Any]
    """The run: run, path, script, argv, started, steps, records, ended, versions and more; with a
    baseline also `baseline`, which has file, known, new and gone."""


def schema() -> dict[str, Any]:
    """Return the JSON schema (2020-12), whose definitions have the names of `core`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    text = json.dumps(DiagnosisSchema.model_json_schema(by_alias=True, mode="validation"))
    return head | json.loads(CLASS.sub(r'\1"', text))


def main(argv: Sequence[str]) -> int:
    """Write the schema to the file named in `argv`, or to stdout."""
    text = json.dumps(schema(), indent=2)
    if argv:
        write(f"{text}\n", Path(argv[0]))
    else:
        emit(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
