"""Writes report/html/curves.json, the acts' curves for pages that are drawn without torch.

python web/curves.py

Value and slope of every elementwise act at its usual parameters over z from -8 to 8, four digits,
and where its slope stays below 5 % of its largest (`core.Window`: `low`, `high`), null where it
never does on that side.
"""

import json
import math
from pathlib import Path

import torch

from relume.acts.act import Act, acts
from relume.cards.line_search import middle, slope, value

PLACE = Path(__file__).parent.parent / "src" / "relume" / "report" / "html" / "curves.json"
HALF, STEP = 64, 0.125  # 129 points, 0.125 apart: a multiple of a power of two, so all are exact
FLAT = 0.05  # of the largest slope, as in core.Window
SIDE = 1000  # points of 0.005: a shorter flat end is a turn of an act that swings, such as snake


def curves() -> dict[str, object]:
    """By name: `value` and `slope` over the shared `z`, `low` and `high`."""
    z = torch.arange(-HALF, HALF + 1, dtype=torch.float64) * STEP
    known = sorted((act for act in acts().values() if act.elementwise), key=lambda act: act.name)
    return {
        "z": [-HALF * STEP, STEP, 2 * HALF + 1],
        "acts": {act.name: act_curve(act, z) for act in known},
    }


def act_curve(act: Act, z: torch.Tensor) -> dict[str, object]:
    """One act at its usual parameters: value and slope at `z`, and its flat ends."""
    low, high = flat_ends(act)
    return {
        "value": [round_digits(v) for v in value(act)(z).tolist()],
        "slope": [round_digits(v) for v in slope(act)(z).tolist()],
        "low": low,
        "high": high,
    }


def flat_ends(act: Act) -> tuple[float | None, float | None]:
    """The last flat point below the steep part and the first one above it; None: there is no such
    side."""
    z = middle()
    steep = (slope(act)(z).abs() >= FLAT * act.max_slope).nonzero().flatten()
    first, last = int(steep[0]), int(steep[-1])
    return (
        round_digits(float(z[first - 1])) if first > SIDE else None,
        round_digits(float(z[last + 1])) if last + SIDE < len(z) else None,
    )


def round_digits(number: float) -> float:
    """Four significant digits."""
    if not math.isfinite(number) or number == 0:
        return 0.0
    return float(f"{number:.4g}")


if __name__ == "__main__":
    text = json.dumps(curves(), separators=(",", ":"))
    PLACE.write_text(text.replace('},"', '},\n"') + "\n", "utf-8")
    print(f"{PLACE.name}: {PLACE.stat().st_size:,} bytes")
