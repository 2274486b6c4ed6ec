"""`report_metric`: what a script may say of itself, heard only inside a trial."""

import math
from typing import Any

BETTER = ("min", "max")

_reported: dict[str, tuple[float, str]] | None = None


def report_metric(value: Any, name: str = "metric", better: str = "max") -> None:
    """Name the number by which this training is to be judged; the last call counts.

    Outside a trial (`relume fix`, `prove`, `compare`) it does nothing, so it may stay in the
    script.

    Args:
        value: a number, or a tensor of one element.
        name: what it is called.
        better: ``"max"`` or ``"min"``.

    Raises:
        ValueError: `better` is something else (also outside a trial: a slip is told at once).

    Example:
        >>> import relume
        >>> relume.report_metric(0.97, name="test accuracy")
    """
    if better not in BETTER:
        raise ValueError(f"better={better!r} was given; expected 'max' or 'min'.")
    if _reported is not None:
        try:
            _reported[str(name)] = (float(value), better)
        except (TypeError, ValueError, RuntimeError):
            _reported[str(name)] = (math.nan, better)  # no number: told as a problem of the shot


def start_listening() -> dict[str, tuple[float, str]]:
    """From now on keep what is reported, by name, with the better direction."""
    global _reported
    _reported = {}
    return _reported


def stop_listening() -> None:
    """Keep nothing any longer."""
    global _reported
    _reported = None
