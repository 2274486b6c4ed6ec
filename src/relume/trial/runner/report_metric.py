"""`report_metric`: lets a script report the number by which a trial judges it."""

import math
from typing import Any

BETTER = ("min", "max")

_reported: dict[str, tuple[float, str]] | None = None


def report_metric(value: Any, name: str = "metric", better: str = "max") -> None:
    """Report the number by which a trial judges this training; the last call counts.

    Outside a trial (`relume fix`, `prove`, `compare`) it does nothing, so it may stay in the
    script.

    Args:
        value: a number, or a tensor of one element.
        name: the name of the number.
        better: ``"max"`` or ``"min"``.

    Raises:
        ValueError: `better` is something else (also outside a trial, so that a typo shows at once).

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
            _reported[str(name)] = (
                math.nan,
                better,
            )  # not a number: the run has a problem


def start_listening() -> dict[str, tuple[float, str]]:
    """Start to collect reports: the number and the better direction by name."""
    global _reported
    _reported = {}
    return _reported


def stop_listening() -> None:
    """Stop collecting reports."""
    global _reported
    _reported = None
