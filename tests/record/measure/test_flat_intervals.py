"""Counting by intervals gives what the slopes themselves give, for every act it is used for."""

import pytest
import torch

from relume.acts.act import acts, find_act
from relume.record.measure import act_stats
from relume.record.measure.act_stats import FLAT, forward_sums
from relume.record.measure.flat_intervals import flat_intervals

COUNTED = [
    n
    for n, a in acts().items()
    if a.elementwise and flat_intervals(a, a.defaults, FLAT) is not None
]
OF_OUTPUT = [
    n for n, a in acts().items() if flat_intervals(a, a.defaults, FLAT, "post") is not None
]


def sampled() -> torch.Tensor:
    made = torch.Generator().manual_seed(0)
    near = torch.randn(4000, 5, generator=made)
    far = torch.randn(4000, 5, generator=made) * 8  # beyond 40 float32 formulas lose subnormals
    return torch.cat((near, near * 4, far))


def test_these_acts_are_counted_by_intervals() -> None:
    assert {"gelu", "silu", "mish", "softplus", "quick_gelu"} <= set(COUNTED)
    assert {"relu", "leaky_relu", "hardtanh"} <= set(COUNTED)
    assert not {"selu", "snake", "hardswish"} & set(COUNTED)
    assert {"relu", "leaky_relu"} <= set(OF_OUTPUT)
    assert not {"sigmoid", "tanh", "elu"} & set(OF_OUTPUT)  # their zeros are single values


@pytest.mark.parametrize("name", COUNTED)
def test_counts_equal_those_of_the_slopes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    act, rows = find_act(name), sampled()
    by_bands = forward_sums(act, rows, "pre", act.defaults)
    monkeypatch.setattr(act_stats, "flat_intervals", lambda *_: None)
    by_slopes = forward_sums(act, rows, "pre", act.defaults)
    # an entry within rounding of an edge may fall on the other side
    assert (by_bands[:3] - by_slopes[:3]).abs().max() <= 1
    assert torch.allclose(by_bands[3:], by_slopes[3:], rtol=1e-4, atol=1e-4)


def at_kinks(name: str, holds: str) -> torch.Tensor:
    """Every kink, its neighbours in float32, and the smallest numbers there are."""
    act = find_act(name)
    kinks = torch.tensor(act.kinks_at(), dtype=torch.float32)
    if holds == "post":
        kinks = act.value(kinks, **act.defaults)
    far = torch.full_like(kinks, float("inf"))
    around = [kinks, kinks.nextafter(far), kinks.nextafter(-far)]
    return torch.cat((*around, torch.tensor([0.0, -0.0, 1e-45, -1e-45, 1e-30, -1e-30])))


KINKED = [n for n in COUNTED if find_act(n).kinks_at()]


@pytest.mark.parametrize(
    ("name", "holds"), [*((n, "pre") for n in KINKED), *((n, "post") for n in OF_OUTPUT)]
)
def test_a_kink_is_on_the_side_on_which_the_slope_says_it_is(name: str, holds: str) -> None:
    act, rows = find_act(name), at_kinks(name, holds)
    found = flat_intervals(act, act.defaults, FLAT, holds)
    formula = act.slope if holds == "pre" else act.slope_of_post
    assert found is not None
    assert formula is not None
    for value in rows:
        active, low, high = (int(c.item()) for c in found.counts(value.reshape(1, 1)))
        size = float(formula(value.double(), **act.defaults).abs())
        assert active == (size > 2.0**-150), (value, size)
        assert low + high == (size < FLAT * act.max_slope), (value, size)


def test_nan_is_neither_active_nor_flat_and_infinity_is_flat_where_the_act_is() -> None:
    act = find_act("gelu")
    rows = torch.tensor([[float("nan")], [float("-inf")], [float("inf")], [-3.0], [0.0]])
    found = flat_intervals(act, act.defaults, FLAT)
    assert found is not None
    active, low, high = found.counts(rows)
    assert (active.item(), low.item(), high.item()) == (3, 2, 0)


def test_intervals_of_another_level_are_caught() -> None:
    act, rows = find_act("gelu"), sampled()
    right = flat_intervals(act, act.defaults, FLAT)
    wrong = flat_intervals(act, act.defaults, 1.1 * FLAT)
    assert right is not None
    assert wrong is not None
    assert (right.counts(rows)[1] - wrong.counts(rows)[1]).abs().max() > 1


def test_an_act_whose_parameter_is_learned_is_left_to_its_formula() -> None:
    act = find_act("swish")
    assert flat_intervals(act, {"beta": torch.ones(1)}, FLAT) is None
