"""Reads an objective's value from a run's metrics and output; needs no torch."""

import math
import re
from collections.abc import Mapping

from relume.core.trial import Objective

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def objective_value(
    metrics: Mapping[str, float], output: str, objective: Objective
) -> float | None:
    """Return the objective's value; None where it is missing or not finite."""
    source = objective.source
    if source == "printed":
        numbers = re.findall(re.escape(objective.name) + r"\W{0,4}?(" + _NUMBER + ")", output)
        value = float(numbers[-1]) if numbers else metrics.get(f"printed:{objective.name}")
    elif source in ("yardstick", "reported", "returned"):
        prefix = "yard" if source == "yardstick" else source
        key = f"{prefix}:{objective.name}"
        value = metrics.get(key, metrics.get(f"{key}:{objective.better}"))
    else:
        value = metrics.get(source)
    return None if value is None or not math.isfinite(value) else value
