"""Finds where the slope or the value jumps, and compares it with the record."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.cards.line_search import REACH, Line, middle, neat, numbers, slope, value
from relume.cards.property import MeasureSetting, measures
from relume.core import Measured

_SHARP = 1e-7
"""Least jump, as a share of the largest slope: a smooth slope changes by less within 1e-12."""


@measures("kinks", "Kinks (jumps of f or f')", "Shape")
def kinks(act: Act, setting: MeasureSetting) -> Measured:
    """Every one of 16,000 cells between -40 and 40 in which f or f' changes is halved, keeping the
    half with the larger change, until two neighbouring numbers are left or the change has gone;
    what stays is a kink. The record's own list is compared with it."""
    del setting
    jumps = find_kinks(act)
    declared = [k for k in act.kinks_at() if abs(k) < REACH]
    unknown = [k for k, _ in jumps if not _near(k, declared)]
    smooth = [k for k in declared if not _near(k, [k for k, _ in jumps])]
    if unknown:
        note = f"not declared by the record: {_places(unknown)}"
    elif smooth:
        note = f"as the record says; no jump at its {_places(smooth)} with these parameters"
    elif jumps:
        note = act.kink or "as the record says"
    else:
        note = ""
    words = ", ".join(f"z = {k:.6g}" + " (f itself)" * jump for k, jump in jumps)
    details = {
        "found": tuple(k for k, _ in jumps),
        "jumps_of_value": tuple(k for k, jump in jumps if jump),
        "undeclared": tuple(unknown),
        "declared_only": tuple(smooth),
    }
    return Measured(words or "none", note=note, details=details)


@lru_cache(64)  # one card asks for them a dozen times
def find_kinks(act: Act) -> list[tuple[float, bool]]:
    """Return where f' or f jumps, ascending, and whether it is f itself."""
    z = middle() + math.pi / 3000  # so that a kink lies within a cell, not on its edge
    slopes, values = slope(act), value(act)
    places = dict.fromkeys(_jumps(slopes, z), False)
    for spot in _jumps(values, z):
        places = {k: jump for k, jump in places.items() if not _near(k, [spot])} | {spot: True}
    return sorted(places.items())[:64]


@lru_cache(64)
def all_kinks(act: Act) -> tuple[float, ...]:
    """Return the record's kinks and the found ones, where quadrature must end its panels."""
    declared = act.kinks_at()
    return declared + tuple(k for k, _ in find_kinks(act) if not _near(k, list(declared)))


def _jumps(line: Line, z: Tensor) -> list[float]:
    low, high = z[:-1], z[1:]
    a, b = line(low), line(high)
    sharp = _SHARP * max(float(a[a.isfinite()].abs().max()), 1e-30)
    for _ in range(200):  # 0.005 / 2^200: past the last bit everywhere but next to 0
        keep = (b - a).abs() > sharp
        low, high, a, b = low[keep], high[keep], a[keep], b[keep]
        half = (low + high) / 2
        if not len(half) or bool(((half == low) | (half == high)).all()):
            break
        c = line(half)
        left = (c - a).abs() >= (b - c).abs()
        low, high = torch.where(left, low, half), torch.where(left, half, high)
        a, b = torch.where(left, a, c), torch.where(left, c, b)
    spots: list[float] = []
    for spot in numbers((low + high) / 2):
        if not _near(spot, spots):
            spots.append(neat(spot))
    return spots


def _near(spot: float, others: list[float]) -> bool:
    return any(abs(spot - other) <= 1e-9 * max(1.0, abs(other)) for other in others)


def _places(spots: list[float]) -> str:
    return ", ".join(f"z = {k:.6g}" for k in spots[:6]) + " and more" * (len(spots) > 6)
