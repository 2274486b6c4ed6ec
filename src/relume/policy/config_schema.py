"""Checks the table of the configuration with pydantic; a mistake becomes one sentence."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from relume.errors import UnknownNameError, UsageError
from relume.policy.selectors import NamedRule, selection
from relume.policy.settings import Config, SiteIgnore, fail_on_words
from relume.registry import unknown

T = TypeVar("T")

CODES = 'a list of codes, prefixes or names, such as ["ACT4", "dead-units"]'
Word = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Strict(BaseModel):
    """A table that refuses unknown keys and converts no types; keys have hyphens."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )


class SiteIgnoreTable(_Strict):
    """`[[tool.relume.per-site-ignores]]`."""

    site: Word = Field(description='a glob over site names, such as "encoder.*"')
    codes: list[Word] = Field(min_length=1, description=CODES)
    reason: Word = Field(description="a text that says why")


class ConfigTable(_Strict):
    """`[tool.relume]`. A field's description completes "it must be"."""

    select: list[Word] = Field([], description=CODES)
    ignore: list[Word] = Field([], description=CODES)
    fail_on: Word | None = Field(
        None, description='"note", "warning" or "error", with ",stalled" or without'
    )
    output_format: Word | None = Field(None, description='a text such as "concise"')
    budget: float | None = Field(
        None, gt=0, le=1, description="a share of the wall time, above 0 and at most 1, as 0.02"
    )
    baseline: Word | None = Field(None, description='a path such as "relume-baseline.json"')
    dir: Word | None = Field(None, description='a path such as ".relume"')
    per_site_ignores: list[SiteIgnoreTable] = Field(
        [], description="tables [[tool.relume.per-site-ignores]] with site, codes and reason"
    )


def check_table(
    table: Mapping[str, Any], file: Path, known: Sequence[NamedRule], forms: Sequence[str]
) -> Config:
    """Check a table and return its configuration.

    Raises:
        UsageError: one sentence with the file, the key, what was given and what was expected.
    """
    try:
        read = ConfigTable.model_validate(table)
    except ValidationError as error:
        raise UsageError(f"{file}: {_sentence(error)}") from None

    def words(values: Sequence[str], key: str) -> tuple[str, ...]:
        return _checked_codes(lambda: selection(values, known), file, key)

    if read.fail_on is not None:
        _checked_codes(lambda: fail_on_words(read.fail_on or ""), file, "fail-on")
    if read.output_format is not None and read.output_format not in forms:
        problem = unknown(read.output_format, forms, "output format")
        raise UsageError(f"{file}: output-format: {problem}")
    return Config(
        file=file,
        select=words(read.select, "select"),
        ignore=words(read.ignore, "ignore"),
        fail_on=read.fail_on,
        output_format=read.output_format,
        budget=read.budget,
        baseline=file.parent / read.baseline if read.baseline else None,
        dir=file.parent / read.dir if read.dir else None,
        site_ignores=tuple(
            SiteIgnore(i.site, frozenset(words(i.codes, f"{_place(at)}codes")), i.reason)
            for at, i in enumerate(read.per_site_ignores)
        ),
    )


def _checked_codes(read: Callable[[], T], file: Path, key: str) -> T:
    try:
        return read()
    except UnknownNameError as error:
        raise UsageError(f"{file}: {key}: {error}") from None


def _place(at: int) -> str:
    return f"per-site-ignores {at + 1}, "


def _sentence(error: ValidationError) -> str:
    """Return the first mistake as one sentence: the key, the value and what was expected."""
    first = error.errors(include_url=False)[0]
    path = [part for part in first["loc"] if isinstance(part, str)]
    places = [part for part in first["loc"] if isinstance(part, int)]
    model: type[BaseModel] = SiteIgnoreTable if path[:1] == ["per-site-ignores"] else ConfigTable
    within = path[0] == "per-site-ignores" and len(path) > 1
    head = _place(places[0]) if within and places else ""
    key = path[1] if within else path[0]
    model = SiteIgnoreTable if within else ConfigTable
    fields = {str(field.alias): str(field.description) for field in model.model_fields.values()}
    if first["type"] == "extra_forbidden":
        return head + unknown(key, fields, "key")
    if first["type"] == "missing":
        return f"{head}{key} is missing; it must be {fields[key]}."
    value = _as_text(first["input"])
    return f"{head}{key} is {value}; it must be {fields[key]}."


def _as_text(value: object) -> str:
    text = "true" if value is True else "false" if value is False else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
