"""Reads trials from the JSON that `relume fix`, `prove` and `compare` write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from relume.core.trial import Trial
from relume.errors import UsageError
from relume.report.words.sanitise import name


def trials(path: Path) -> tuple[Trial, ...]:
    """Return the trials in a file: those of a cure, or the one that it holds.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    try:
        data: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"cannot read {str(path)!r}: {reason}.") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{str(path)!r} is not JSON{HINT}") from None
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    entries = fields.get("trials", [fields] if fields else None)
    if entries is None:
        raise UsageError(f"{str(path)!r} holds no trial{HINT}")
    try:
        return TypeAdapter(tuple[Trial, ...]).validate_python(entries)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        wrong = f"{name(where, 80)}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise UsageError(f"{str(path)!r} holds no trial ({wrong}){HINT}") from None


HINT = "; give what --output-format json of `relume fix`, `prove` or `compare` wrote."
