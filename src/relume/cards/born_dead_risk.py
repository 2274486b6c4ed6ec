"""Measures the chance that a unit is dead before the first step, on random nets."""

import math

import torch

from relume.acts.act import Act
from relume.acts.gain import gain
from relume.cards.flatness import flat_limit
from relume.cards.property import SEED, MeasureSetting, measures
from relume.core import Measured
from relume.errors import UsageError

_WORK = 5.1e10
"""Multiplications and additions for all nets together: four at the defaults, half a second."""

_NETS = 64
_Z95 = 1.959964


@measures("born_dead", "Born dead", "Flat and dead", better="low")
def born_dead(act: Act, setting: MeasureSetting) -> Measured:
    """Random nets of the given width and depth, weights N(0, gain^2 / width), bias 0, inputs
    N(0, 1): the share of units in the last layer whose slope is exactly 0 on every sample, with
    Wilson's 95 % interval over units, whose number is divided by how much more the nets differ
    than independent units would (float32; own generator, fixed seed)."""
    scale, words = _scale(act)
    once = 2.0 * setting.depth * setting.width**2 * setting.samples
    nets = min(max(int(_WORK / once), 1), _NETS)
    generator = torch.Generator().manual_seed(SEED)
    dead: list[int] = []
    flat = 0
    limit = flat_limit(act)[0]
    with torch.no_grad():
        for _ in range(nets):
            slopes = _last_slopes(act, setting, scale, generator).abs()  # (samples, width)
            most = slopes.amax(0)  # (width,); NaN, where the signal overflowed, is not dead
            dead.append(int((most == 0).sum()))
            flat += int((most < limit).sum())
    units = nets * setting.width
    share = sum(dead) / units
    crowd = _crowding(dead, setting.width)
    low, high = wilson(share * units / crowd, units / crowd)
    where = f"in layer {setting.depth} of width {setting.width}"
    words = f"{sum(dead):,} of {units:,} units {where}{words}"
    if flat > sum(dead):
        words += f"; {flat:,} flat (below 5 %) on all samples"
    details = {"low": low, "high": high, "units": units, "flat_units": flat}
    details |= {"width": setting.width, "depth": setting.depth, "samples": setting.samples}
    details |= {"nets": nets, "crowding": crowd}
    return Measured(share, max(high - share, share - low), words, details, "float32")


def _scale(act: Act) -> tuple[float, str]:
    try:
        return gain(act), ""
    except UsageError:
        return 1.0, ", gain 1 since it has none"


def _last_slopes(
    act: Act, setting: MeasureSetting, scale: float, generator: torch.Generator
) -> torch.Tensor:
    post = torch.randn(setting.samples, setting.width, generator=generator)
    spread = scale / math.sqrt(setting.width)
    pre = post
    for layer in range(setting.depth):
        weights = torch.randn(setting.width, setting.width, generator=generator) * spread
        pre = post @ weights if layer else post @ (weights / scale)  # the data have passed no act
        post = act(pre)
    return act.exact_slope(pre)


def _crowding(dead: list[int], width: int) -> float:
    """Return the design effect (Kish 1965): the variance between nets over that of independent
    units, at least 1. Units of one net share the layers below, so they die together."""
    share = sum(dead) / (len(dead) * width)
    if len(dead) < 2 or not 0 < share < 1:
        return 1.0
    between = sum((one / width - share) ** 2 for one in dead) / (len(dead) - 1)
    return max(between * width / (share * (1 - share)), 1.0)


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 1927), which is sound at 0 and 1 too.

    >>> [round(end, 4) for end in wilson(0, 3000)]
    [0.0, 0.0013]
    """
    share, square = hits / trials, _Z95**2 / trials
    middle = (share + square / 2) / (1 + square)
    room = math.sqrt(share * (1 - share) * square + square * square / 4) / (1 + square)
    return max(middle - room, 0.0), min(middle + room, 1.0)
