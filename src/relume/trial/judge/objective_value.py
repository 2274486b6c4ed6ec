"""The objective's value among what a shot carries; without torch, so that a reader can ask."""

import math
import re
from collections.abc import Mapping

from relume.core.trial import Objective

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def objective_value(
    metrics: Mapping[str, float], output: str, objective: Objective
) -> float | None:
    """The objective's value; None where it is not there or no number."""
    source = objective.source
    if source == "printed":
        found = re.findall(re.escape(objective.name) + r"\W{0,4}?(" + _NUMBER + ")", output)
        value = float(found[-1]) if found else metrics.get(f"printed:{objective.name}")
    elif source in ("yardstick", "reported", "returned"):
        prefix = "yard" if source == "yardstick" else source
        key = f"{prefix}:{objective.name}"
        value = metrics.get(key, metrics.get(f"{key}:{objective.better}"))
    else:
        value = metrics.get(source)
    return None if value is None or not math.isfinite(value) else value
