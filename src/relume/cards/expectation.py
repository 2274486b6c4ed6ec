"""Measures mean, variance and balance of post where pre is standard normal."""

import math

import numpy as np
from torch import Tensor

from relume.acts.act import Act
from relume.acts.gain import normal_mean
from relume.cards.kinks import all_kinks
from relume.cards.line_search import Line, value
from relume.cards.property import MeasureSetting, measures, missing
from relume.core import Measured

_MIDPOINTS = tuple(float(x) for x in np.arange(-37.875, 38, 0.25))


@measures("mean", "Mean of post", "Signal")
def mean(act: Act, setting: MeasureSetting) -> Measured:
    """E f(z), z ~ N(0, 1): Gauss-Legendre on panels that end at the kinks; the error is the change
    when every panel is halved."""
    del setting
    return _measured(*expectation(act, value(act)))


@measures("variance", "Variance of post", "Signal")
def variance(act: Act, setting: MeasureSetting) -> Measured:
    """E (f(z) - E f)^2, z ~ N(0, 1), by the quadrature of the mean."""
    del setting
    middle, _ = expectation(act, value(act))
    return _measured(*_spread(act, middle))


@measures("off_centre", "Off centre: abs mean / std", "Signal", better="low")
def off_centre(act: Act, setting: MeasureSetting) -> Measured:
    """abs(mean) / std of post under z ~ N(0, 1); 0 is centred. Above 0 the next layer's weight
    gradients tend to share a sign, which makes the path of the optimiser zig-zag."""
    del setting
    middle, room = expectation(act, value(act))
    wide, _ = _spread(act, middle)
    if not (math.isfinite(middle) and 0 < wide < math.inf):
        return missing("post has no finite spread")
    ratio = abs(middle) / math.sqrt(wide)
    centred = ratio < 1e-9
    return Measured(0.0 if centred else ratio, room + 1e-12, "zero-centred" if centred else "")


def expectation(act: Act, line: Line) -> tuple[float, float]:
    """Return E line(z) under N(0, 1) and its possible error."""
    kinks = all_kinks(act)
    coarse = normal_mean(line, kinks)
    fine = normal_mean(line, kinks + _MIDPOINTS)
    return fine, abs(fine - coarse) + 1e-15


def _spread(act: Act, middle: float) -> tuple[float, float]:
    line = value(act)

    def squared(z: Tensor) -> Tensor:
        return (line(z) - middle) ** 2

    return expectation(act, squared)


def _measured(moment: float, room: float) -> Measured:
    if not math.isfinite(moment):
        return missing("it is not finite: f grows faster than the normal density falls")
    return Measured(0.0 if abs(moment) < 1e-14 else moment, room)
