"""Reads mean and deviation of each unit's pre from windows, to draw them under the act's curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from relume.core import Window
from relume.report.html.series_encoder import short

WINDOWS = 6
UNITS = 64
"""Units drawn of one site: at 4 pixels each they fill a figure."""
ALL_UNITS = 3_000
"""Units drawn over all sites of a page: beyond, each site shows fewer."""
NEEDED = ("pre_n", "pre_sum", "pre_sumsq", "active")


def unit_spreads(windows: Sequence[Window], sites: int) -> list[dict[str, Any]]:
    """Return the units of some of a site's windows, the first and the last among them, by mean.

    Each unit is `[mean, deviation, state]`; state 0: it never had a slope; 1: flat below on at
    least 90 % of the samples; 2: flat above; 3: alive. Empty where the pre could not be read.
    """
    known = [w for w in windows if all(key in w.fields for key in NEEDED)]
    known = [w for w in known if len(w.fields["pre_n"]) and float(np.max(w.fields["pre_n"])) > 0]
    most = WINDOWS if sites <= 40 else 2  # first and last say how it went
    if len(known) > most:
        known = [known[round(i * (len(known) - 1) / (most - 1))] for i in range(most)]
    many = max(12, min(UNITS, ALL_UNITS // max(1, sites)))
    return [_spread(window, many) for window in known]


def _spread(window: Window, many: int) -> dict[str, Any]:
    fields = window.fields
    n = np.maximum(fields["pre_n"], 1)
    with np.errstate(all="ignore"):
        mean = fields["pre_sum"] / n
        deviation = np.sqrt(np.maximum(fields["pre_sumsq"] / n - mean**2, 0))
    fine = np.isfinite(mean) & np.isfinite(deviation)
    order = np.argsort(np.where(fine, mean, np.inf), kind="stable")[: int(fine.sum())]
    total = len(order)
    if total > many:
        order = order[np.linspace(0, total - 1, many).round().astype(int)]
    states = _states(window)
    return {
        "steps": [window.first, window.last],
        "samples": window.samples,
        "units": total,
        "left_out": int((~fine).sum()),
        "rows": [
            [short(float(mean[i])), short(float(deviation[i])), int(states[i])] for i in order
        ],
    }


def _states(window: Window) -> np.ndarray[Any, np.dtype[np.int64]]:
    fields, samples = window.fields, max(window.samples, 1)
    states = np.full(len(fields["pre_n"]), 3, dtype=np.int64)
    for state, side in ((1, "low"), (2, "high")):
        if side in fields:
            states[fields[side] >= 0.9 * samples] = state  # as core.Trace: flat_unit_share
    states[fields["active"] == 0] = 0
    return states
