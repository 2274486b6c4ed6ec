"""Measures the error of value and slope of the default path in every dtype, and lists false places.

False are a zero that is none, a NaN or an infinity out of place, and a NaN that is lost.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.cards.bounds import limit
from relume.cards.kinks import all_kinks
from relume.cards.line_search import at, distinct, numbers, runs, slope, value, where
from relume.cards.property import SEED, MeasureSetting, Property, measures, missing
from relume.core import Measured

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_CLOSE = 1 / 16
"""Points nearer to a root than this share of it are left out: there the truth cancels, and one
rounding of z is many units of it. Zero itself is no such root."""

NEAR = 10.0
"""How far from zero a network's pre-activations usually reach: ten standard deviations of a scaled
layer. Farther out an act may be false without anyone meeting it."""

_OFF = 1000.0
"""Units in the last place from which a stretch is listed as false: 1 % in bfloat16, and with a
float32 1e-4, is past any rounding."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The output of the default path at `z` and the truth, all in float64: (points,)."""

    z: Tensor
    got: Tensor
    truth: Tensor
    ulp: Tensor
    fair: Tensor


def _family(dtype: torch.dtype, *, of_slope: bool) -> Property:
    short = str(dtype).removeprefix("torch.")
    what = "slope" if of_slope else "value"

    def error(act: Act, setting: MeasureSetting) -> Measured:
        del setting
        if of_slope or act.elementwise:
            return _elementwise(act, dtype, of_slope=of_slope)
        return _axis(act, dtype)

    reach = "every finite number" if dtype.itemsize == 2 else "41,000 points over all magnitudes"
    error.__doc__ = (
        f"The default path in {short} at {reach} of that type against the formula in float64; "
        "units in the last place of the truth, wherever that is a normal number and z is not "
        "within 1/16 of a root (other than 0) or at a kink; infinities and NaN apart."
    )
    if dtype is torch.float64:
        error.__doc__ += " Here both are float64, so it is a difference, not an error."
    title = f"Error of {what}, {short}"
    return measures(
        f"{what}_error_{short}", title, "Precision", unit="ULP", better="low", elementwise=of_slope
    )(error)


value_error_float64 = _family(torch.float64, of_slope=False)
value_error_float32 = _family(torch.float32, of_slope=False)
value_error_bfloat16 = _family(torch.bfloat16, of_slope=False)
value_error_float16 = _family(torch.float16, of_slope=False)
slope_error_float64 = _family(torch.float64, of_slope=True)
slope_error_float32 = _family(torch.float32, of_slope=True)
slope_error_bfloat16 = _family(torch.bfloat16, of_slope=True)
slope_error_float16 = _family(torch.float16, of_slope=True)


@measures(
    "value_error_near",
    "Error of value for |z| up to 10",
    "Precision",
    unit="ULP",
    better="low",
)
def value_error_near(act: Act, setting: MeasureSetting) -> Measured:
    """As the error of the value in float32, at those of its points that are at most 10 from zero,
    where a network's pre-activations are."""
    del setting
    return _elementwise(act, torch.float32, of_slope=False, reach=NEAR)


def _elementwise(
    act: Act, dtype: torch.dtype, *, of_slope: bool, reach: float = math.inf
) -> Measured:
    points = _points(act, dtype)
    points = points[points.abs() <= reach]
    try:
        fast = _call(act, points, of_slope=of_slope, exact=False)
        best = _call(act, points, of_slope=of_slope, exact=True)
    except (RuntimeError, NotImplementedError) as error:
        return missing(f"torch refuses: {str(error).splitlines()[0]}")
    compared = _compare(act, points, fast, dtype, of_slope=of_slope)
    exact = float(_compare(act, points, best, dtype, of_slope=of_slope).ulp.max())
    places = _false_places(compared, dtype)
    if math.isinf(reach):
        places += _edges(act, dtype, of_slope=of_slope)
    worst = int(compared.ulp.argmax())
    most, spot = float(compared.ulp[worst]), float(compared.z[worst])
    details = {
        "at": spot,
        "got": float(compared.got[worst]),
        "truth": float(compared.truth[worst]),
        "exact": exact,
        "false": tuple(places),
        "points": int(compared.fair.sum()),
    }
    words = [f"worst at z = {spot:.4g}"] if most > 0 else []
    words += places[:3] + [f"and {len(places) - 3} more"] * (len(places) > 3)
    words += [f"exact=True {_short(exact)}"]
    return Measured(most, None, "; ".join(words), details, str(dtype).removeprefix("torch."))


def _points(act: Act, dtype: torch.dtype) -> Tensor:
    """Return finite numbers of `dtype`: all of a half type, else dense and by magnitude."""
    if dtype.itemsize == 2:
        codes = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16)
        z = codes.view(dtype)
        return distinct(z)
    info = torch.finfo(dtype)
    sizes = torch.logspace(
        math.log10(info.tiny), math.log10(info.max) - 1e-6, 8000, dtype=torch.float64
    )
    dense = torch.linspace(-20, 20, 16_001, dtype=torch.float64) * (1 + 1e-3 / math.pi)
    wide = torch.linspace(-800, 800, 8001, dtype=torch.float64)
    kinks = [k + d for k in all_kinks(act) for d in (0.0, 1e-3, -1e-3, 1e-6, -1e-6)]
    extra = torch.tensor([0.0, *kinks], dtype=torch.float64)
    z = torch.cat((-sizes, sizes, dense, wide, extra)).to(dtype)
    return distinct(z)


def _call(act: Act, z: Tensor, *, of_slope: bool, exact: bool) -> Tensor:
    if not of_slope:
        return act(z, exact=exact).detach()
    z = z.detach().clone().requires_grad_()
    post = act(z, exact=exact)
    return torch.autograd.grad(post, z, torch.ones_like(post))[0]


def _compare(
    act: Act, points: Tensor, got: Tensor, dtype: torch.dtype, *, of_slope: bool
) -> Compared:
    z = points.double()
    line = slope(act) if of_slope else value(act)
    truth = line(z)
    info = torch.finfo(dtype)
    fair = (truth.abs() >= info.tiny) & (truth.abs() <= info.max) & _away(z, truth)
    if of_slope:
        for kink in all_kinks(act):
            fair &= (z - kink).abs() > 2 * info.eps * max(abs(kink), info.tiny)
    off = _ulps(got.double(), truth, dtype)
    return Compared(z, got.double(), truth, torch.where(fair, off, 0.0), fair)


def _ulps(got: Tensor, truth: Tensor, dtype: torch.dtype) -> Tensor:
    """Return abs(got - truth) in units of the last place of `truth`; infinite if not finite."""
    info = torch.finfo(dtype)
    exponent = torch.frexp(truth).exponent - 1
    unit = torch.ldexp(torch.full_like(truth, info.eps), exponent)
    off = (got - truth).abs() / unit
    return torch.where(got.isfinite(), off, math.inf)


def _away(z: Tensor, truth: Tensor) -> Tensor:
    """Whether a point is not near a root of the truth; see `_CLOSE`."""
    sign = truth.sign()
    fair = torch.ones_like(z, dtype=torch.bool)
    for cell in where(sign[1:] * sign[:-1] < 0):
        root = float(z[cell] + z[cell + 1]) / 2
        if abs(root) > 1e-6:
            fair &= (z - root).abs() > _CLOSE * max(1.0, abs(root))
    return fair


def _false_places(compared: Compared, dtype: torch.dtype) -> list[str]:
    """Return the stretches where the default path is off by more than rounding."""
    kinds: list[tuple[str, Tensor]] = [
        ("0", compared.fair & (compared.got == 0)),
        ("NaN", compared.fair & compared.got.isnan()),
        ("infinite", compared.fair & compared.got.isinf()),
        ("of the wrong sign", compared.fair & (compared.got * compared.truth < 0)),
    ]
    rest = ~(kinds[0][1] | kinds[1][1] | kinds[2][1] | kinds[3][1])
    relative = (compared.got - compared.truth).abs() / compared.truth.abs()
    limit = min(_OFF * torch.finfo(dtype).eps, 0.1)
    kinds.append(("wrong", rest & compared.fair & (relative > limit)))
    return [_place(compared, word, mask, relative) for word, mask in kinds if bool(mask.any())]


def _place(compared: Compared, word: str, mask: Tensor, relative: Tensor) -> str:
    spans = runs(mask)
    size = torch.where(mask, compared.truth.abs(), 0.0)
    top = int(size.argmax())
    z = compared.z
    spots = [_between(float(z[a]), float(z[b])) for a, b in spans]
    places = " and ".join(dict.fromkeys([spots[0], spots[-1]]))
    if word == "wrong":
        top = int(torch.where(mask, relative, 0.0).argmax())
        return f"{_short(100 * float(relative[top]))} % off at z = {float(z[top]):.4g}"
    truth = _short(float(compared.truth[top]))
    return f"{word} for {places} (truth {truth} at {float(z[top]):.4g})"


def _between(a: float, b: float) -> str:
    return f"z = {a:.4g}" if a == b else f"z from {a:.4g} to {b:.4g}"


def _edges(act: Act, dtype: torch.dtype, *, of_slope: bool) -> list[str]:
    """Return what is false at the infinities and at NaN."""
    special = torch.tensor([-math.inf, math.inf, math.nan], dtype=dtype)
    got = numbers(_call(act, special, of_slope=of_slope, exact=False))
    most = torch.finfo(dtype).max
    false_places: list[str] = []
    for side, at_infinity in zip((-1, 1), got, strict=False):
        truth = limit(act, side, of_slope=of_slope)
        if truth is None:
            continue
        beyond = abs(truth) > most and math.isinf(at_infinity) and (at_infinity > 0) == (truth > 0)
        room = 8 * torch.finfo(dtype).eps * max(abs(truth), torch.finfo(dtype).tiny)
        if at_infinity != truth and not beyond and not abs(at_infinity - truth) <= room:
            end = "−∞" if side < 0 else "+∞"
            false_places.append(f"{_short(at_infinity)} at {end} (truth {truth + 0.0:.4g})")
    line = slope(act) if of_slope else value(act)
    if not math.isnan(got[2]) and math.isnan(at(line, math.nan)):
        false_places.append(f"a NaN becomes {got[2]:.4g}")
    return false_places


def _axis(act: Act, dtype: torch.dtype) -> Measured:
    """Measure an act over an axis on rows of random numbers at magnitudes from 1e-3 to 30."""
    generator = torch.Generator().manual_seed(SEED)
    size = torch.logspace(-3, math.log10(30.0), 64, dtype=torch.float64)[:, None]
    z = (torch.randn(64, 64, generator=generator, dtype=torch.float64) * size).to(dtype)
    try:
        got = act(z).detach()
    except (RuntimeError, NotImplementedError) as error:
        return missing(f"torch refuses: {str(error).splitlines()[0]}")
    truth = act.value(z.double(), **act.defaults)
    info = torch.finfo(dtype)
    fair = (truth.abs() >= info.tiny) & (truth.abs() <= info.max)
    off = torch.where(fair, _ulps(got.double(), truth, dtype), 0.0)
    exact = _ulps(act(z, exact=True).detach().double(), truth, dtype)[fair].max()
    worst = float(truth.flatten()[off.argmax()])
    return Measured(
        float(off.max()),
        None,
        f"worst where the truth is {_short(worst)}, on 64 random rows of 64 at magnitudes from "
        f"0.001 to 30; exact=True {_short(float(exact))}",
        {"points": int(fair.sum()), "truth": worst, "exact": float(exact)},
        str(dtype).removeprefix("torch."),
    )


def _short(number: float) -> str:
    return "NaN" if math.isnan(number) else f"{number:.3g}"
