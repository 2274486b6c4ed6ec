"""Measures whether the act only rises or only falls."""

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.cards.line_search import everywhere, greatest, numbers, value
from relume.cards.property import MeasureSetting, measures
from relume.core import Measured

_LISTED = 6


@measures("monotone", "Monotone", "Shape")
def monotone(act: Act, setting: MeasureSetting) -> Measured:
    """The sign of the differences of f between neighbours on 18,000 points up to 1e300, rounding
    (8 units of 2^-53 of the larger value) aside; turning points are closed in on."""
    del setting
    line = value(act)
    z = everywhere()
    values = line(z)
    change = torch.diff(values)
    room = 8 * 2.0**-53 * torch.maximum(values[1:].abs(), values[:-1].abs())
    sure = values[1:].isfinite() & values[:-1].isfinite()
    rises, falls = sure & (change > room), sure & (change < -room)
    up, down = bool(rises.any()), bool(falls.any())
    if not (up and down):
        flat = "constant"
        return Measured("increasing" if up else "decreasing" if down else flat)
    turns = _turns(act, z, rises, falls)
    details = {"turns": tuple(turns[:_LISTED]), "falling_share": float(falls.double().mean())}
    some = ", ".join(f"z = {t:.5g}" for t in turns[:_LISTED])
    note = f"it turns at {some}" + " and more" * (len(turns) > _LISTED)
    return Measured("no", note=note, details=details)


def _turns(act: Act, z: Tensor, rises: Tensor, falls: Tensor) -> list[float]:
    """Return where f turns between rising and falling; flat stretches between are skipped."""
    line = value(act)
    directions = numbers(rises.int() - falls.int())
    turns: list[float] = []
    last, start = 0.0, 0
    for cell, move in enumerate(directions):
        if move and last and move != last and len(turns) <= _LISTED:
            sign = 1 if last > 0 else -1  # a crest after a rise, else a trough
            spot, _ = greatest(lambda x, s=sign: s * line(x), float(z[start]), float(z[cell + 1]))
            turns.append(round(spot, 7) + 0.0)
        if move:
            last, start = move, cell
    return turns
