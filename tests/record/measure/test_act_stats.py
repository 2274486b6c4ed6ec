"""The sums of one record against NumPy in float64, which shares no line with them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from relume.acts.act import acts, find_act
from relume.record.measure import act_stats
from relume.record.measure.act_stats import FLAT
from relume.record.measure.flat_intervals import flat_intervals
from relume.record.measure.stat import SampledSums

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
def test_forward_sums_are_numpys(name: str, holds: str, by_unit: bool) -> None:
    act, pre = find_act(name), rows_of((300, 9), by_unit=by_unit)
    if act.smooth:  # a slope of 0 at a single place (tanhshrink's) is no interval
        pre[pre == 0.0] = 0.1
    post = act.value(pre, **act.defaults)
    rows = pre if holds == "pre" else post
    sums = act_stats.forward_sums(act, rows, holds, act.defaults)
    found = dict(zip(act_stats.FORWARD, sums.numpy(), strict=True))
    assert act.slope is not None
    slope = np.abs(act.slope(pre, **act.defaults).numpy())
    flat, high = slope < FLAT * act.max_slope, pre.numpy() > act.centre
    assert (found["active"] == (slope > 0).sum(0)).all()
    assert (found["low"] == (flat & ~high).sum(0)).all()
    assert (found["high"] == (flat & high).sum(0)).all()
    y = post.numpy().astype(np.float64)
    assert found["post_sum"] == pytest.approx(y.sum(0), rel=1e-5, abs=1e-3)
    assert found["post_sumsq"] == pytest.approx((y**2).sum(0), rel=1e-5, abs=1e-3)
    assert found["post_max"] == pytest.approx(y.max(0), rel=1e-6)
    assert found["post_min"] == pytest.approx(y.min(0), rel=1e-6)
    assert (found["finite"] == 300).all()


def test_sums_of_the_input_and_of_gradients_are_numpys() -> None:
    pre, post = rows_of((64, 5)), rows_of((65, 5))[1:]
    x, y = pre.numpy().astype(np.float64), post.numpy().astype(np.float64)
    found = act_stats.pre_sums(pre).numpy()
    wanted = (x.sum(0), (x**2).sum(0), x.max(0), x.min(0))
    assert found == pytest.approx(np.stack(wanted), rel=1e-5, abs=1e-4)
    found = act_stats.backward_sums(pre, post).numpy()
    norms = (np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    assert found == pytest.approx(np.stack((np.abs(x).sum(0), *norms)), rel=1e-5)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_an_entry_that_is_not_finite_is_counted_and_left_out(odd: float) -> None:
    rows = rows_of((64, 5)).relu()
    clean = rows.clone()
    rows[3, 2], clean[3, 2] = odd, 0.0
    found = act_stats.forward_sums(find_act("relu"), rows, "post", {})
    sums = dict(zip(act_stats.FORWARD, found.numpy(), strict=True))
    assert sums["finite"].tolist() == [64, 64, 63, 64, 64]
    assert sums["post_sum"] == pytest.approx(clean.numpy().sum(0), rel=1e-5)
    assert sums["post_max"] == pytest.approx(clean.numpy().max(0))


@pytest.mark.parametrize("size", [1e-30, 1e-25, 1.0, 1e25])
def test_very_small_and_very_large_gradients_keep_their_size(size: float) -> None:
    rows = torch.full((8, 4), size)
    assert act_stats.unit_norms(rows).numpy() == pytest.approx(size * 8**0.5, rel=1e-6)
    sums = dict(zip(act_stats.BACKWARD, act_stats.backward_sums(rows, rows).numpy(), strict=True))
    stats = act_stats.site_stats(
        SampledSums(8, 0, {k: v.astype(np.float64) for k, v in sums.items()})
    )
    assert stats["grad_pre_rms"] == pytest.approx(size, rel=1e-6)


def test_squares_in_float32_lose_them() -> None:
    """The twin: what `unit_norms` would be without its second way."""
    rows = torch.full((8, 4), 1e-25)
    assert float((rows * rows).sum()) == 0.0


def test_a_long_column_is_added_up_in_pairs() -> None:
    """A float32 sum taken one by one over so many rows drifts by more than combining allows."""
    column = torch.rand(32_768, 1, generator=torch.Generator().manual_seed(0))
    long = column.expand(-1, 2).contiguous()
    exact = long.numpy().astype(np.float64)
    one_by_one = float(np.cumsum(long.numpy()[:, 0])[-1])  # cumsum adds in order, in float32
    found = act_stats.pre_sums(long).numpy()
    assert found[0] == pytest.approx(exact.sum(0), rel=5e-7)
    assert found[1] == pytest.approx((exact**2).sum(0), rel=5e-7)
    assert one_by_one != pytest.approx(exact[:, 0].sum(), rel=1e-6)
