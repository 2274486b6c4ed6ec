"""Turns nouns into values that JSON can carry."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


Value = float | int | str | bool | None
"""What a piece of evidence may be: a value that JSON can carry."""


def printable(line: str) -> str:
    """Return a line for a terminal or a log: a character that could move the cursor becomes ``?``.

    >>> printable("a\\x1b[31mb")
    'a?[31mb'
    """
    return "".join(char if char.isprintable() else "?" for char in line)


def plain(value: object) -> Any:
    """Turn a noun into what JSON can carry: severities by name, non-finite numbers as strings.

    A noun whose JSON has more than its fields adds them in `json_fields`.
    """
    if isinstance(value, IntEnum):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        pairs: dict[str, Any] = {f.name: getattr(value, f.name) for f in fields(value)}
        more: Callable[[dict[str, Any]], dict[str, Any]] | None
        more = getattr(value, "json_fields", None)
        if more is not None:
            pairs = more(pairs)
        return {name: plain(item) for name, item in pairs.items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in cast("list[Any]", value)]
    return value
