"""Sums taken by NumPy are those that torch takes, which runs on every other device."""

import numpy as np
import pytest
import torch
from torch import Tensor

from relume.acts.act import acts, find_act
from relume.record.measure import act_stats, act_stats_numpy
from relume.record.measure.act_stats import FLAT
from relume.record.measure.flat_intervals import flat_intervals

COUNTED = [
    (name, holds)
    for name, act in acts().items()
    for holds in ("pre", "post")
    if act.elementwise and flat_intervals(act, act.defaults, FLAT, holds) is not None
]


def rows_of(shape: tuple[int, int], *, by_unit: bool = False) -> Tensor:
    made = torch.Generator().manual_seed(shape[0])
    rows = torch.randn(shape, generator=made) * 3
    rows[::7] = 0.0
    return rows.t().contiguous().t() if by_unit else rows


@pytest.mark.parametrize(("name", "holds"), COUNTED)
@pytest.mark.parametrize("by_unit", [False, True])
def test_forward_sums_are_torchs(name: str, holds: str, by_unit: bool) -> None:
    act, rows = find_act(name), rows_of((300, 9), by_unit=by_unit)
    if holds == "post":
        rows = act.value(rows, **act.defaults)
    mine = act_stats_numpy.forward_sums(act, rows, holds, act.defaults)
    theirs = dict(
        zip(act_stats.FORWARD, act_stats.forward_sums(act, rows, holds, act.defaults), strict=True)
    )
    assert mine is not None
    for key in ("active", "low", "high", "post_max", "post_min"):
        assert np.array_equal(mine[key], theirs[key].numpy()), key
    for key in ("post_sum", "post_sumsq"):
        assert mine[key] == pytest.approx(theirs[key].numpy(), rel=1e-5, abs=1e-3), key
    assert mine["finite"] == theirs["finite"].sum()


def test_sums_of_the_input_and_of_gradients_are_torchs() -> None:
    pre, post = rows_of((64, 5)), rows_of((65, 5))[1:]
    mine, theirs = act_stats_numpy.pre_sums(pre), act_stats.pre_sums(pre)
    for name, row in zip(act_stats.PRE, theirs, strict=True):
        assert mine[name] == pytest.approx(row.numpy(), rel=1e-5, abs=1e-4), name
    mine, theirs = act_stats_numpy.backward_sums(pre, post), act_stats.backward_sums(pre, post)
    for name, row in zip(act_stats.BACKWARD, theirs, strict=True):
        assert mine[name].sum() == pytest.approx(float(row.sum()), rel=1e-5), name


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf"), 1e30])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the callers keep NumPy quiet
def test_what_is_not_finite_is_left_to_torch(odd: float) -> None:
    """1e30 is finite, but its square is not."""
    act, rows = find_act("relu"), rows_of((64, 5)).relu()
    rows[3, 2] = odd
    assert act_stats_numpy.forward_sums(act, rows, "post", {}) is None


@pytest.mark.parametrize("size", [1e-25, 1e25])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_very_small_and_very_large_gradients_keep_their_size(size: float) -> None:
    rows = torch.full((8, 4), size)
    assert float(act_stats_numpy.power(rows.numpy())) ** 0.5 == pytest.approx(
        size * 32**0.5, rel=1e-6
    )


def test_a_long_column_is_left_to_torch_which_adds_up_in_pairs() -> None:
    """A float32 sum taken one by one over so many rows drifts by more than combining allows."""
    long = torch.rand(32_768, 1) + torch.zeros(32_768, 2)
    assert not act_stats_numpy.is_on_host(long)
    assert act_stats_numpy.is_on_host(long.t().contiguous().t())
    assert act_stats_numpy.is_on_host(long[:500])
    assert not act_stats_numpy.is_on_host(long[:5].bfloat16())
    assert not act_stats_numpy.is_on_host(torch.empty(3, 2, device="meta"))
