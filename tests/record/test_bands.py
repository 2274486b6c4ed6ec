"""Counting by intervals gives what the slopes themselves give, for every act it is used for."""

import pytest
import torch

from relume.acts.act import acts, find_act
from relume.record import stats
from relume.record.bands import bands
from relume.record.stats import FLAT, forward_sums

SMOOTH = [n for n, a in acts().items() if a.elementwise and bands(a, a.defaults, FLAT) is not None]


def sampled() -> torch.Tensor:
    made = torch.Generator().manual_seed(0)
    near = torch.randn(4000, 5, generator=made)
    far = torch.randn(4000, 5, generator=made) * 8  # beyond 40 float32 formulas lose subnormals
    return torch.cat((near, near * 4, far))


def test_these_acts_are_counted_by_intervals() -> None:
    assert {"gelu", "silu", "mish", "softplus", "quick_gelu"} <= set(SMOOTH)
    assert not {"relu", "leaky_relu", "hardtanh", "selu", "snake"} & set(SMOOTH)


@pytest.mark.parametrize("name", SMOOTH)
def test_counts_equal_those_of_the_slopes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    act, rows = find_act(name), sampled()
    by_bands = forward_sums(act, rows, "pre", act.defaults)
    monkeypatch.setattr(stats, "bands", lambda *_: None)
    by_slopes = forward_sums(act, rows, "pre", act.defaults)
    # an entry within rounding of an edge may fall on the other side
    assert (by_bands[:3] - by_slopes[:3]).abs().max() <= 1
    assert torch.allclose(by_bands[3:], by_slopes[3:], rtol=1e-4, atol=1e-4)


def test_nan_is_neither_active_nor_flat_and_infinity_is_flat_where_the_act_is() -> None:
    act = find_act("gelu")
    rows = torch.tensor([[float("nan")], [float("-inf")], [float("inf")], [-3.0], [0.0]])
    found = bands(act, act.defaults, FLAT)
    assert found is not None
    active, low, high = found.counts(rows)
    assert (active.item(), low.item(), high.item()) == (3, 2, 0)


def test_intervals_of_another_level_are_caught() -> None:
    act, rows = find_act("gelu"), sampled()
    right = bands(act, act.defaults, FLAT)
    wrong = bands(act, act.defaults, 1.1 * FLAT)
    assert right is not None
    assert wrong is not None
    assert (right.counts(rows)[1] - wrong.counts(rows)[1]).abs().max() > 1


def test_an_act_whose_parameter_is_learned_is_left_to_its_formula() -> None:
    act = find_act("swish")
    assert bands(act, {"beta": torch.ones(1)}, FLAT) is None
