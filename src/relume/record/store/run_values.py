"""Checks what a run file says against what a recorder writes, once, so that no reader has to.

A run file may come from a stranger. What is not of the kind that it should be makes the file a
damaged one, in one sentence; what is unknown is kept, for a newer recorder may write more.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

from relume.errors import NotATraceError

_Check = Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def check_window(*numbers: Any) -> None:
    """Raise `NotATraceError` unless a window's steps and counts are whole numbers."""
    if not all(map(_whole, numbers)):
        raise NotATraceError("the steps or counts of a window are no whole numbers")


def _number(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _all_text(values: Sequence[Any]) -> bool:
    return all(isinstance(each, str) for each in values)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and _all_text(cast("list[Any]", value))


def _begins(value: Any) -> bool:
    """Whether these are steps at which trainings begin: whole, and each later than the last."""
    if not isinstance(value, list):
        return False
    steps = cast("list[Any]", value)
    return all(map(_whole, steps)) and all(one < two for one, two in pairwise(steps))


def _lessons(value: Any) -> bool:
    """Whether it is what trials taught (`rules/trial_lessons.py`)."""
    if not isinstance(value, dict) or not isinstance(value.get("cured"), str):
        return False
    return all(_texts(value.get(name)) for name in ("refuted", "taught"))


_META: Mapping[str, _Check] = {
    **dict.fromkeys(
        ("steps", "records", "backwards", "skipped", "parameters", "optimizers"), _whole
    ),
    **dict.fromkeys(("rank", "world"), _whole),
    **dict.fromkeys(("seconds", "overhead", "budget", "updated", "every"), _number),
    **dict.fromkeys(("run", "script", "started", "torch", "python", "relume", "device"), _text),
    **dict.fromkeys(("host", "ended", "optimizer", "job"), _text),
    **dict.fromkeys(("argv", "looks_for"), _texts),
    "trainings": _begins,
    "trials": _lessons,
}


def check_meta(meta: Mapping[str, Any]) -> None:
    """Raise `NotATraceError` where an entry of the run's metadata is not of its kind."""
    _check(_META, meta, "its entry")


def check_site(body: Mapping[str, Any]) -> None:
    """Raise `NotATraceError` where an entry of a site is not of its kind."""
    _check(_SITE, body, "a site's")


def _check(checks: Mapping[str, _Check], entries: Mapping[str, Any], whose: str) -> None:
    for key, holds in checks.items():
        if entries.get(key) is not None and not holds(entries[key]):
            raise NotATraceError(f"{whose} {key!r} holds what no recorder writes")


def check_fact(kind: Any, site: Any, step: Any, data: Any) -> None:
    """Raise where a fact is none.

    Raises:
        NotATraceError: its kind, site, step or data are not what a recorder writes.
    """
    named = isinstance(kind, str) and isinstance(site, str) and isinstance(data, dict)
    if not named or not _whole(step):
        raise NotATraceError(f"a fact {str(kind)[:40]!r} holds what no recorder writes")


_SITE: Mapping[str, _Check] = {
    **dict.fromkeys(
        ("name", "kind", "act", "role", "path", "layer", "file"), lambda v: isinstance(v, str)
    ),
    **dict.fromkeys(("rows", "cheapest"), lambda v: isinstance(v, str)),
    **dict.fromkeys(("index", "units", "line"), _whole),
    # acts that are in no graph (a frozen body) stand before all that are: their order is negative
    "order": lambda v: isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**62,
    **dict.fromkeys(
        ("smooth", "rectifies", "leaks", "passes", "clips"), lambda v: isinstance(v, bool)
    ),
    **dict.fromkeys(("low", "high"), lambda v: isinstance(v, int | float) and v == v),
    "max_slope": _number,
    "init": lambda v: isinstance(v, list | tuple) and _all_text(cast("Sequence[Any]", v)),
}
