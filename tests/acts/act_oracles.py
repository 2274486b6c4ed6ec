"""The truth about every elementwise act: its definition as printed, in mpmath, and where to look.

Nothing here knows relume's formulas. Slopes and curvatures are central differences of the printed
definition, at a precision where neither truncation nor cancellation is left.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import mpmath
from mpmath import mpf

Oracle = Callable[[Any], Any]


class End(NamedTuple):
    """What an act is far out, to more digits than a float64 has, and at infinity."""

    value: Oracle
    slope: float | Oracle
    curvature: float = 0.0


ZERO = End(lambda z: mpf(0), 0)
SAME = End(lambda z: z, 1)


def level(height: Any) -> End:
    """A side that is flat at a height."""
    return End(lambda z: mpf(height), 0)


@dataclass(frozen=True)
class Row:
    """An act at some parameters: its definition, ends, kinks and bounds.

    Attributes:
        act, parameters: what is called.
        oracle: the definition as printed in its paper.
        low, high: its ends; None where the definition is evaluated everywhere.
        far: from where they hold: exp(-1000), and exp(-50^2 / 2), are 0 in every dtype.
        kinks: the slope that the convention gives at each kink.
        creases: places where only the second derivative jumps, at which it is not compared.
        ulp: bound in float32 for value, slope and curvature, in units in the last place.
        ulp64: the same in float64, where there is no wider type.
        argument: abs t of the exp(t) in the act where t itself is rounded: exp amplifies the
            rounding by abs t, so that 2 abs t come on top in float64, where exp(t) decides:
            below 0, above it where the high end is flat, and for the curvature on both sides.
        roundings: how often that t is rounded.
        reason: why a bound is looser than 4 in float32 and 8 in float64.
        touches: the nearest place where the slope or curvature touches 0 without crossing it.
        slope_at_infinity: False where the slope has no limit.
        wave: the value has none either, and `touches` says where value, slope and curvature cross
            0 too: between two places that are looked at they do so more than once.
        trained: the slope that the act declares for training, as its paper prints it; the slope is
            then compared with it, and the curvature with its derivative.
    """

    act: str
    oracle: Oracle
    low: End | None = None
    high: End | None = None
    kinks: Mapping[float, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    creases: tuple[float, ...] = ()
    ulp: float = 4
    ulp64: float = 8
    argument: Callable[[float], float] | None = None
    roundings: int = 1
    reason: str = ""
    touches: Oracle | None = None
    slope_at_infinity: bool = True
    wave: bool = False
    trained: Oracle | None = None
    far: float = 1000

    def __str__(self) -> str:
        bound = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.act}({bound})" if bound else self.act

    @cached_property
    def _known(self) -> dict[float, tuple[Any, Any, Any]]:
        return {}

    def truth(self, z: float) -> tuple[Any, Any, Any]:
        """f, f' and f'' at a float that is no kink, as mpf."""
        if z not in self._known:
            self._known[z] = self._truth(z)
        return self._known[z]

    def _truth(self, z: float) -> tuple[Any, Any, Any]:
        end = self.high if z > 0 else self.low
        if end is not None and abs(z) > self.far:
            with mpmath.workdps(30):
                slope = end.slope(mpf(z)) if callable(end.slope) else mpf(end.slope)
                return end.value(mpf(z)), slope, mpf(end.curvature)
        large = abs(math.log10(abs(z))) if z else 0
        tail = 0.0  # up to `far` exp(-1000 z / far), or exp(-(50 z / far)^2), is not nothing
        if end is not None:
            tail = (50 * z / self.far) ** 2 if self.far < 100 else 1000 * (abs(z) / self.far)
        digits = int(110 + 3.2 * large + 0.9 * tail)
        with mpmath.workdps(digits):
            at = mpf(z)
            gap = (abs(at) or 1) * mpf(10) ** -30
            below, here, above = self.oracle(at - gap), self.oracle(at), self.oracle(at + gap)
            rounding = (abs(here) + gap) * mpf(10) ** (5 - digits)
            if self.trained is not None:
                slopes = [self.trained(at + way * gap) for way in (-1, 0, 1)]
                return here, slopes[1], (slopes[2] - slopes[0]) / (2 * gap)
            first, second = (above - below) / 2, above - 2 * here + below
            return (
                here,
                first / gap if abs(first) > rounding else mpf(0),
                second / gap**2 if abs(second) > rounding else mpf(0),
            )

    def roots(self, order: int, points: list[float]) -> list[Any]:
        """Where the derivative of this order crosses 0 between the points, kinks and 0 apart."""
        found: list[Any] = []
        inside = sorted(p for p in points if abs(p) < 100 and p not in self.kinks and p)
        for one, two in pairwise(inside):
            a, b = mpf(one), mpf(two)
            fa, fb = self.truth(one)[order], self.truth(two)[order]
            if fa * fb >= 0 or one < 0 < two:
                continue
            for _ in range(40):
                middle = (a + b) / 2
                fm = self._truth(float(middle))[order]
                a, b, fa = (middle, b, fm) if fm * fa > 0 else (a, middle, fa)
            if all(abs(a - kink) > 1e-6 for kink in (*self.kinks, *self.creases)):
                found.append(a)
        return found


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + mpmath.exp(-z))


def softplus(z: Any) -> Any:
    """log(1 + exp(z))."""
    return mpmath.log(1 + mpmath.exp(z))


def gelu_tanh(z: Any) -> Any:
    """As printed by Hendrycks & Gimpel."""
    inner = mpmath.sqrt(2 / mpmath.pi) * (z + mpf("0.044715") * z**3)
    return z / 2 * (1 + mpmath.tanh(inner))


def elu(alpha: str, scale: str = "1", rate: str = "1") -> Oracle:
    """The two pieces of an elu."""
    a, s, r = mpf(alpha), mpf(scale), mpf(rate)
    return lambda z: s * z if z > 0 else s * a * (mpmath.exp(r * z) - 1)


def xielu(z: Any) -> Any:
    """Huang & Schlag at alpha_p = alpha_n = 0.8 and beta = 0.5."""
    p, n, beta = mpf("0.8"), mpf("0.8"), mpf("0.5")
    return p * z * z + beta * z if z > 0 else n * (mpmath.exp(z) - 1) - n * z + beta * z


def gaussian_cdf(mean: float, sigma: float) -> Oracle:
    """The normal distribution function."""
    return lambda z: mpmath.ncdf((z - mpf(mean)) / mpf(sigma))


def clipped_gelu(low: float, high: float) -> Oracle:
    """gelu cut at both bounds."""
    return lambda z: min(max(z * mpmath.ncdf(z), mpf(low)), mpf(high))


def step(z: Any) -> Any:
    """1 above 0, else 0."""
    return mpf(z > 0)


def jump(threshold: float) -> Oracle:
    """z above a threshold, else 0."""
    return lambda z: z if z > threshold else mpf(0)


def unit_band(z: Any) -> Any:
    """1 within (-1, 1), else 0."""
    return mpf(abs(z) < 1)


def quarter_wave(z: Any) -> Any:
    """The nearest multiple of a quarter of the period of sin(30 z)."""
    return mpmath.nint(z * 60 / mpmath.pi) * mpmath.pi / 60


def quarter_chirp(z: Any) -> Any:
    """The nearest place where 30 (abs z + 1) z is a multiple of pi / 2."""
    phase = mpmath.nint(abs(z) * (abs(z) + 1) * 60 / mpmath.pi) * mpmath.pi / 60
    return mpmath.sign(z) * (mpmath.sqrt(1 + 4 * phase) - 1) / 2


def leaky(slope: Any) -> Oracle:
    """z, and slope z below 0."""
    return lambda z: z if z > 0 else slope * z


def between(low: Any, high: Any) -> Oracle:
    """z cut at both bounds."""
    return lambda z: min(max(z, mpf(low)), mpf(high))


with mpmath.workdps(40):
    SELU_ALPHA = "1.6732632423543772848170429916717"
    SELU_SCALE = "1.0507009873554804934193349852946"
    _SELU_LOW = -mpf(SELU_ALPHA) * mpf(SELU_SCALE)
    _SELU_AT = float(mpf(SELU_ALPHA) * mpf(SELU_SCALE))
    _FIRST = mpmath.pi / 4


def line(slope: float) -> End:
    """A straight side through 0."""
    return End(lambda z: mpf(slope) * z, slope)


_ARGUMENT = (
    "float64 only: the argument of exp is rounded (its factor is no float), and exp amplifies "
    "that by the condition number"
)

# Their graph shows other acts (a division, a difference, elu, hardtanh), or torch has no such act.
UNSEEN = {"softsign", "tanhshrink", "selu", "relu6", "identity", "squared_relu", "squareplus"}
UNSEEN |= {"softcap", "erf", "laplace", "clipped_gelu", "sine", "finer", "gaussian", "gabor"}
UNSEEN |= {"squared_leaky_relu", "smooth_leaky", "sqrt_softplus"}
UNSEEN |= {"dyt", "derf", "poly_relu", "jump_relu"}
UNSEEN |= {"straight_sign", "straight_step", "spike", "spike_atan"}
UNSEEN |= {"quick_gelu", "swish", "snake", "star_relu", "xielu"}
ROWS = [
    Row("relu", lambda z: max(z, mpf(0)), ZERO, SAME, {0: 0}),
    Row("leaky_relu", leaky(mpf(0.01)), line(0.01), SAME, {0: 0.01}),
    Row("leaky_relu", leaky(mpf(0.3)), line(0.3), SAME, {0: 0.3}, {"negative_slope": 0.3}),
    Row("prelu", leaky(mpf(0.25)), line(0.25), SAME, {0: 0.25}),
    Row("rrelu", leaky(mpf(11) / 48), line(11 / 48), SAME, {0: 11 / 48}),
    Row("hardtanh", between(-1, 1), level(-1), level(1), {-1: 0, 1: 0}),
    Row(
        "hardtanh",
        between(-2, 3),
        level(-2),
        level(3),
        {-2: 0, 3: 0},
        {"min_val": -2.0, "max_val": 3.0},
    ),
    Row("relu6", between(0, 6), ZERO, level(6), {0: 0, 6: 0}),
    Row("clamp", lambda z: max(z, mpf(0)), ZERO, SAME, {0: 0}),
    Row("clamp", between(-1, 2), level(-1), level(2), {-1: 0, 2: 0}, {"min": -1.0, "max": 2.0}),
    Row("maximum", lambda z: max(z, mpf(0)), ZERO, SAME, {0: 0}),
    Row("maximum", lambda z: max(z, mpf(-0.5)), level(-0.5), SAME, {-0.5: 0}, {"other": -0.5}),
    Row("threshold", lambda z: max(z, mpf(0)), ZERO, SAME, {0: 0}),
    Row(
        "threshold",
        lambda z: z if z > 1 else mpf(20),
        level(20),
        SAME,
        {1: 0},
        {"threshold": 1.0, "value": 20.0},
    ),
    Row("hardshrink", lambda z: z if abs(z) > 0.5 else mpf(0), SAME, SAME, {-0.5: 0, 0.5: 0}),
    Row(
        "softshrink",
        lambda z: z - mpf(0.5) if z > 0.5 else z + mpf(0.5) if z < -0.5 else mpf(0),
        End(lambda z: z + mpf(0.5), 1),
        End(lambda z: z - mpf(0.5), 1),
        {-0.5: 0, 0.5: 0},
    ),
    Row("hardsigmoid", lambda z: between(0, 6)(z + 3) / 6, ZERO, level(1), {-3: 0, 3: 0}),
    Row("hardswish", lambda z: z * between(0, 6)(z + 3) / 6, ZERO, SAME, {-3: 0, 3: 1}),
    Row(
        "squared_relu",
        lambda z: max(z, mpf(0)) ** 2,
        ZERO,
        End(lambda z: z * z, lambda z: 2 * z, 2),
        creases=(0,),
    ),
    Row("identity", lambda z: z, SAME, SAME),
    Row("sigmoid", sigmoid, ZERO, level(1)),
    Row("tanh", mpmath.tanh, level(-1), level(1)),
    Row("softsign", lambda z: z / (1 + abs(z)), None, None, creases=(0,)),
    Row("log_sigmoid", lambda z: -softplus(-z), SAME, ZERO),
    Row("softplus", softplus, ZERO, SAME),
    Row("softplus", lambda z: softplus(2 * z) / 2, ZERO, SAME, parameters={"beta": 2.0}),
    Row("squareplus", lambda z: (z + mpmath.sqrt(z * z + 4)) / 2),
    Row("squareplus", lambda z: (z + mpmath.sqrt(z * z + 1)) / 2, parameters={"b": 1.0}),
    Row(
        "tanhshrink", lambda z: z - mpmath.tanh(z), End(lambda z: z + 1, 1), End(lambda z: z - 1, 1)
    ),
    Row("elu", elu("1"), level(-1), SAME, creases=(0,)),
    Row("elu", elu("0.5"), level(-0.5), SAME, {0: 0.5}, {"alpha": 0.5}),
    Row(
        "elu",
        elu("1.5", "2", "0.5"),
        level(-3),
        End(lambda z: 2 * z, 2),
        {0: 1.5},
        {"alpha": 1.5, "scale": 2.0, "input_scale": 0.5},
    ),
    Row(
        "selu",
        elu(SELU_ALPHA, SELU_SCALE),
        level(_SELU_LOW),
        line(float(SELU_SCALE)),
        {0: _SELU_AT},
    ),
    Row("celu", elu("1"), level(-1), SAME, creases=(0,)),
    Row("celu", elu("2", "1", "0.5"), level(-2), SAME, parameters={"alpha": 2.0}, creases=(0,)),
    Row("gelu", lambda z: z * mpmath.ncdf(z), ZERO, SAME, far=50),
    Row(
        "gelu",
        gelu_tanh,
        ZERO,
        SAME,
        parameters={"approximate": "tanh"},
        far=50,
        argument=lambda z: 1.6 * abs(z) + 0.072 * abs(z) * z * z,
        reason=_ARGUMENT,
    ),
    Row(
        "quick_gelu",
        lambda z: z * sigmoid(mpf("1.702") * z),
        ZERO,
        SAME,
        argument=lambda z: 1.702 * abs(z),
        reason=_ARGUMENT,
    ),
    Row("silu", lambda z: z * sigmoid(z), ZERO, SAME),
    Row("swish", lambda z: z * sigmoid(z), ZERO, SAME),
    Row(
        "swish",
        lambda z: z * sigmoid(mpf(1.5) * z),
        ZERO,
        SAME,
        {},
        {"beta": 1.5},
        argument=lambda z: 1.5 * abs(z),
        reason=_ARGUMENT,
    ),
    Row(
        "mish",
        lambda z: z * mpmath.tanh(softplus(z)),
        ZERO,
        SAME,
        ulp64=12,
        reason="float64 only: the curvature is a quotient of two polynomials, 20 operations",
    ),
    Row(
        "snake",
        lambda z: z + mpmath.sin(z) ** 2,
        touches=lambda z: (mpmath.nint(z / _FIRST / 2 + mpf(1) / 2) * 2 - 1) * _FIRST,
        slope_at_infinity=False,
    ),
    Row(
        "star_relu",
        lambda z: mpf(0.8944) * max(z, mpf(0)) ** 2 - mpf(0.4472),
        level(-mpf(0.4472)),
        End(lambda z: mpf(0.8944) * z * z - mpf(0.4472), lambda z: 2 * mpf(0.8944) * z, 2 * 0.8944),
        creases=(0,),
    ),
    Row(
        "xielu",
        xielu,
        End(lambda z: mpf("-0.3") * z - mpf("0.8"), -0.3),
        End(
            lambda z: mpf("0.8") * z * z + mpf("0.5") * z,
            lambda z: mpf("1.6") * z + mpf("0.5"),
            1.6,
        ),
        creases=(0,),
    ),
    Row(
        "softcap",
        lambda z: 30 * mpmath.tanh(z / 30),
        level(-30),
        level(30),
        far=30_000,
        argument=lambda z: abs(z) / 15,
        reason=_ARGUMENT,
    ),
    Row(
        "softcap",
        lambda z: 2 * mpmath.tanh(z / 2),
        level(-2),
        level(2),
        parameters={"cap": 2.0},
        far=2000,
    ),
    Row("erf", mpmath.erf, level(-1), level(1), far=50),
    Row(
        "laplace",
        gaussian_cdf(0.707107, 0.282095),
        ZERO,
        level(1),
        far=20,
        argument=lambda z: abs(z - 0.707107) * abs(z - 0.707107) / (2 * 0.282095 * 0.282095),
        roundings=2,
        reason="float64 only: t is rounded twice, and exp(-t^2 / 2) amplifies each by t^2",
    ),
    Row(
        "clipped_gelu",
        clipped_gelu(-10, 10),
        ZERO,
        level(10),
        {10: 0},
        far=50,
    ),
    Row(
        "sine",
        lambda z: mpmath.sin(30 * z),
        touches=quarter_wave,
        slope_at_infinity=False,
        wave=True,
    ),
    Row(
        "finer",
        lambda z: mpmath.sin(30 * (abs(z) + 1) * z),
        creases=(0,),
        touches=quarter_chirp,
        slope_at_infinity=False,
        wave=True,
    ),
    Row("gaussian", lambda z: mpmath.exp(-z * z / 2), ZERO, ZERO, far=50),
    Row(
        "gaussian",
        lambda z: mpmath.exp(-2 * z * z),
        ZERO,
        ZERO,
        parameters={"sigma": 0.5},
        far=25,
    ),
    Row(
        "gabor",
        lambda z: mpmath.cos(10 * z) * mpmath.exp(-100 * z * z),
        ZERO,
        ZERO,
        far=5,
        argument=lambda z: 100 * z * z,
        reason=_ARGUMENT,
    ),
    Row(
        "squared_leaky_relu",
        lambda z: leaky(mpf(0.5))(z) ** 2,
        End(lambda z: z * z / 4, lambda z: z / 2, 0.5),
        End(lambda z: z * z, lambda z: 2 * z, 2),
        creases=(0,),
    ),
    Row(
        "smooth_leaky",
        lambda z: mpf(0.1) * z + (1 - mpf(0.1)) * z * sigmoid(5 * z / 3),
        line(0.1),
        SAME,
        argument=lambda z: 5 * abs(z) / 3,
        ulp64=24,
        reason=f"{_ARGUMENT}; the least slope, 0.01, is the difference of 0.1 and 0.09",
    ),
    Row(
        "sqrt_softplus",
        lambda z: mpmath.sqrt(softplus(z)),
        ZERO,
        ulp64=24,
        reason="float64 only: the curvature crosses zero near 0.8, and has the error of what it is "
        "the rest of; the exponential of some processors makes it 12 steps",
    ),
    Row("dyt", lambda z: mpmath.tanh(z / 2), level(-1), level(1), far=2000),
    Row("derf", lambda z: mpmath.erf(z / 2), level(-1), level(1), far=100),
    Row(
        "poly_relu",
        lambda z: sum(max(z, mpf(0)) ** k / 2**k for k in (1, 2, 3)),
        ZERO,
        End(lambda z: z**3 / 8, lambda z: 3 * z * z / 8, math.inf),
        {0: 0},
        {"a1": 0.5, "a2": 0.25, "a3": 0.125},
        far=math.inf,  # the end holds at infinity alone
    ),
    Row("jump_relu", jump(0.5), ZERO, SAME, {0.5: 0}, {"threshold": 0.5}),
    Row(
        "straight_sign",
        mpmath.sign,
        level(-1),
        level(1),
        {-1: 0, 1: 0},
        trained=unit_band,
    ),
    Row("straight_step", step, ZERO, level(1), {-1: 0, 1: 0}, trained=unit_band),
    Row("spike", step, creases=(0,), trained=lambda z: 1 / (1 + 25 * abs(z)) ** 2),
    Row("spike_atan", step, trained=lambda z: 1 / (1 + (mpmath.pi * z) ** 2)),
]
