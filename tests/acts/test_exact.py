"""Exactness of every elementwise act, and that the contract rejects what is not exact."""

from collections.abc import Callable

import mpmath
import pytest
import torch
from act_contract import DTYPES, Wrong, as_floats, exact, points, violations
from act_oracles import ROWS, Row
from mpmath import mpf
from torch import Tensor
from torch.nn import functional as F

from relume.acts.act import acts, find_act
from relume.acts.wide_precision import make_function

BY_NAME = {str(row): row for row in ROWS}


def test_every_elementwise_act_has_a_row() -> None:
    own = {name for name, act in acts().items() if act.elementwise}
    assert sorted({row.act for row in ROWS}) == sorted(own)


def test_a_looser_bound_says_why() -> None:
    for row in ROWS:
        loose = row.ulp > 4 or row.ulp64 > 8 or row.argument is not None
        assert loose == bool(row.reason), str(row)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_value_slope_and_curvature_are_exact(row: Row, dtype: torch.dtype) -> None:
    assert violations(row, dtype, exact(row)) == []


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_exact_slope_is_the_gradient(row: Row, dtype: torch.dtype) -> None:
    z = torch.tensor(points(dtype), dtype=torch.float64).to(dtype).requires_grad_()
    act = find_act(row.act)
    value = act(z, exact=True, **row.parameters)
    (gradient,) = torch.autograd.grad(value.sum(), z)
    slope = act.exact_slope(z.detach(), **row.parameters)
    assert slope.dtype is dtype
    # a wave has no number where its phase is beyond the working type, nor a limit to stand for it
    lost = value.isnan()
    assert not (lost & ((z.abs() < 1e18) if row.wave else torch.ones_like(lost))).any()
    assert torch.equal(slope[~lost], gradient[~lost])
    assert bool(slope[lost].isnan().all() & gradient[lost].isnan().all())


def test_a_root_of_the_slope_is_where_it_is() -> None:
    """Near a root no unit in the last place is asked for; the sign and the size still are."""
    row = BY_NAME["gelu"]
    root = row.roots(1, [p for p in points(torch.float32) if abs(p) < 20])[0]
    z = float(root) + 1e-9
    with mpmath.workdps(40):
        truth = float(row.truth(z)[1])
    found = float(find_act("gelu").exact_slope(torch.tensor(z, dtype=torch.float64)))
    assert float(root) == pytest.approx(-0.7517915)
    assert found == pytest.approx(truth, abs=1e-15)


# What the recorder calls: the formulas as they are, in float32, on samples. Looser than the
# contract (no wider type), but no false zero, no NaN and no wrong digit within 5.
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_plain_formulas_are_sane_in_float32(row: Row) -> None:
    act = find_act(row.act)
    assert act.slope is not None
    at = [p for p in points(torch.float32) if 1e-30 < abs(p) < 1e30 and p not in row.kinks]
    z = torch.tensor(at, dtype=torch.float32)
    roots = [row.roots(order, [p for p in at if abs(p) < 20]) for order in (0, 1)]
    for order, formula in enumerate((act.value, act.slope)):
        found = formula(z, **row.parameters)
        for place, got in zip(at, found.tolist(), strict=True):
            truth = row.truth(place)[order]
            near = [
                *roots[order],
                *([row.touches(mpf(place))] if row.touches and (order or row.wave) else []),
            ]
            if any(abs(place - root) * 20 < abs(place) + abs(root) for root in near):
                continue
            if 1e-36 < abs(truth) < 1e38:
                assert got == pytest.approx(float(truth), rel=2e-5), (order, place)


def _elu(z: Tensor) -> Tensor:
    return torch.where(z > 0, z, torch.exp(z.clamp(max=0)) - 1)


def _elu_infinite(z: Tensor) -> Tensor:
    return torch.where(z > 0, z, torch.expm1(z))


def _relu_of_another_kink(z: Tensor) -> Tensor:
    return torch.where(z >= 0, z, 0 * z.clamp(-1, 1))


def _relu_without_nan(z: Tensor) -> Tensor:
    return torch.where(z > 0, z, torch.zeros_like(z))


def _hardswish_overflowing(z: Tensor) -> Tensor:
    return z * (z + 3).clamp(0, 6) / 6


def _off_by(units: float) -> Callable[[Tensor], Tensor]:
    act = find_act("tanh")
    return lambda z: act(z.double(), exact=True).mul(1 + units * 2**-23).to(z.dtype)


def _flat_sigmoid() -> Callable[[Tensor], Tensor]:
    act = find_act("sigmoid")
    assert act.slope is not None
    made = make_function("flat_sigmoid", (), act.value, act.slope, torch.zeros_like)
    return lambda z: made.apply(True, z)


def _wrong_slope() -> Callable[[Tensor], Tensor]:
    act = find_act("gelu")
    made = make_function(
        "wrong_gelu",
        (),
        act.value,
        lambda z: torch.sigmoid(1.702 * z),  # the density term is lost
    )
    return lambda z: made.apply(True, z)


# what is broken; the row; the dtype; a place and the order at which it must be seen
TWINS = {
    "cancelling elu": (_elu, "elu", torch.float32, "value", -1e-10),
    "infinite untaken branch": (_elu_infinite, "elu", torch.float32, "slope", 300.0),
    "wrong kink": (_relu_of_another_kink, "relu", torch.float32, "slope at kink", 0.0),
    "swallowed nan": (_relu_without_nan, "relu", torch.float32, "value of NaN", None),
    "swallowed nan in the slope": (_relu_without_nan, "relu", torch.float32, "slope of NaN", None),
    "float16 overflow": (_hardswish_overflowing, "hardswish", torch.float16, "value", 30000.0),
    "torch sigmoid": (torch.sigmoid, "sigmoid", torch.bfloat16, "slope", 7.0),
    "torch tanh": (torch.tanh, "tanh", torch.bfloat16, "slope", 4.0),
    "torch gelu": (F.gelu, "gelu", torch.float32, "slope", -5.5),
    "torch tanhshrink": (F.tanhshrink, "tanhshrink", torch.float32, "value", 1e-4),
    "torch silu": (F.silu, "silu", torch.float32, "value at infinity", -torch.inf),
    "torch mish": (F.mish, "mish", torch.float32, "value at infinity", -torch.inf),
    "torch hardswish": (F.hardswish, "hardswish", torch.float32, "value at infinity", -torch.inf),
    "five units": (_off_by(5), "tanh", torch.float32, "value", 1.0),
    "no curvature": (_flat_sigmoid(), "sigmoid", torch.float32, "curvature", 1.0),
    "wrong slope": (_wrong_slope(), "gelu", torch.float64, "slope", 1.0),
}


def _is_at(wrong: Wrong, order: str, place: float | None, dtype: torch.dtype) -> bool:
    if wrong.order != order or place is None:
        return wrong.order == order
    near = sorted(points(dtype), key=lambda p: abs(p - place))[0]
    return wrong.z in (place, near, *as_floats([place], dtype))


@pytest.mark.parametrize("twin", TWINS)
def test_the_contract_rejects_a_broken_twin(twin: str) -> None:
    call, name, dtype, order, place = TWINS[twin]
    found = violations(BY_NAME[name], dtype, call)
    assert any(_is_at(wrong, order, place, dtype) for wrong in found), found[:5]


def test_a_bound_is_not_so_loose_that_nothing_fails() -> None:
    assert violations(BY_NAME["tanh"], torch.float32, _off_by(0.5)) == []
