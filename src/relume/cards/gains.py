"""Measures the gains: how an initialisation must scale the weights for this act."""

from relume.acts.act import Act
from relume.acts.gain import gain
from relume.cards.property import MeasureSetting, measures, missing
from relume.core import Measured
from relume.errors import UsageError


@measures("gain_forward", "Gain forward", "Signal", elementwise=False)
def gain_forward(act: Act, setting: MeasureSetting) -> Measured:
    """1 / sqrt(E f(z)^2), z ~ N(0, 1), by quadrature: weights of variance gain^2 / fan_in keep the
    mean square of the signal."""
    del setting
    return _gain(act, "forward")


@measures("gain_backward", "Gain backward", "Signal", elementwise=False)
def gain_backward(act: Act, setting: MeasureSetting) -> Measured:
    """1 / sqrt(E f'(z)^2), z ~ N(0, 1), by quadrature: weights of variance gain^2 / fan_out keep
    the mean square of the gradient."""
    del setting
    return _gain(act, "backward")


@measures("gradient_factor", "Gradient kept a layer", "Signal", elementwise=False)
def gradient_factor(act: Act, setting: MeasureSetting) -> Measured:
    """Where weights have the forward gain, the RMS of the gradient is multiplied by
    sqrt(E f'^2 / E f^2) a layer, z ~ N(0, 1): forward gain / backward gain."""
    del setting
    forward, backward = _gain(act, "forward"), _gain(act, "backward")
    if not isinstance(forward.value, float) or not isinstance(backward.value, float):
        return forward if forward.value is None else backward
    factor = forward.value / backward.value
    note = f"{factor**10:.3g} after 10 layers"
    return Measured(factor, 1e-12 * factor, note if abs(factor - 1) > 1e-9 else "kept")


def _gain(act: Act, direction: str) -> Measured:
    try:
        factor = gain(act, direction=direction)
    except UsageError as error:
        return missing(str(error).rstrip("."))
    return Measured(factor, 1e-12 * factor)
