"""Reads an objective's value from a run's metrics and output; needs no torch."""

import math
import re
from collections.abc import Mapping, Sequence

from relume.core.trial import Objective

NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|(?i:nan\b|inf(?:inity)?\b))"
"""A number as Python and NumPy print it; NaN and infinity are numbers too, and then the last one
counts: a run that ends in them has broken down."""


def objective_value(
    metrics: Mapping[str, float],
    output: str,
    objective: Objective,
    held_out: Mapping[str, Sequence[float]] | None = None,
) -> float | None:
    """Return the objective's value; None where it is missing or not finite."""
    source = objective.source
    if source == "printed":
        pattern = re.escape(objective.name) + r"\W{0,4}?(" + NUMBER + ")"
        numbers = re.findall(pattern, output)
        value = float(numbers[-1]) if numbers else metrics.get(f"printed:{objective.name}")
    elif source == "validation":
        value = next(reversed((held_out or {}).get(objective.name, ())), None)
    elif source in ("yardstick", "reported", "returned"):
        prefix = "yard" if source == "yardstick" else source
        key = f"{prefix}:{objective.name}"
        value = metrics.get(key, metrics.get(f"{key}:{objective.better}"))
    else:
        value = metrics.get(source)
    return None if value is None or not math.isfinite(value) else value
