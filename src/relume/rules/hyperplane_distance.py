"""Measures how far the hyperplanes of silent units lie from the data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Value, Window
from relume.rules.series_tools import finite_median
from relume.rules.unit_windows import highest, total

if TYPE_CHECKING:
    from relume.rules.unit_windows import Mask

AWAY = (
    ". Over {pre_samples} samples the mean of their input lies {distance:.1f} standard deviations "
    "below zero, its maximum at {margin:.2g}"
)
"""The text about it, where it could be measured."""


def distance(windows: Sequence[Window], units: "Mask") -> dict[str, Value]:
    """Measure how far the pre-activations of some units of a site lie below zero.

    The distance of a unit is −mean/deviation over the samples, the margin its maximum: the data
    nearest to the hyperplane. Both are medians over the units, so that one unit far off does not
    decide. Units whose input never changes have no distance and are left out of it.

    Args:
        windows: those whose samples count.
        units: the silent ones, shape (units,).

    Returns:
        ``distance``, ``margin`` and ``pre_samples``, which are fewer than the samples behind the
        silence, since pre-activations are read more rarely; nothing where they were not read.
    """
    n, s, q = (total(windows, name) for name in ("pre_n", "pre_sum", "pre_sumsq"))
    top = highest(windows, "pre_max")
    if n is None or s is None or q is None or top is None or not np.any(n[units] > 0):
        return {}
    n, s, q, top = (part[units & (n > 0)] for part in (n, s, q, top))
    spread = np.sqrt(np.maximum(q / n - (s / n) ** 2, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.where(spread > 0, -(s / n) / spread, np.inf)
    away = away[np.isfinite(away)]
    if not len(away):
        return {}
    return {
        "distance": finite_median(away),
        "margin": finite_median(top),
        "pre_samples": int(finite_median(n)),
    }
