"""Properties of acts that are known on paper, and wrong acts that must be named as such."""

import math
import random
from typing import Any

import planted as own
import pytest
import torch

from relume.acts.act import Act
from relume.acts.lookup import act as find
from relume.cards.born_dead_risk import wilson
from relume.cards.build_card import properties
from relume.cards.property import GROUPS, MeasureSetting
from relume.cards.timing import median_interval
from relume.core import Measured

SMALL = MeasureSetting(width=64, depth=4, samples=400, timing=False)
NAMES = [one.name for one in properties()]


def measured(name: str, act: str | Act, setting: MeasureSetting = SMALL) -> Measured:
    one = next(one for one in properties() if one.name == name)
    return one.measure(find(act), setting)


def fits(found: Measured, truth: Any) -> bool:
    """The same word, or a number within the error that the card states."""
    if isinstance(truth, float) and math.isfinite(truth):
        room = max(found.error or 0.0, 1e-12)
        return isinstance(found.value, float) and found.value == pytest.approx(
            truth, abs=room, rel=1e-9
        )
    return found.value == truth


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


SELU_LOW = -1.0507009873554805 * 1.6732632423543772
SIGMOID_EDGE = math.log((1 + math.sqrt(0.95)) / (1 - math.sqrt(0.95)))  # s (1 - s) = 0.0125
HE_MEAN = 1 / math.sqrt(2 * math.pi)
# property, act, the truth on paper
PAPER: list[tuple[str, str, Any]] = [
    ("range_low", "relu", 0.0),
    ("range_high", "relu", math.inf),
    ("range_low", "sigmoid", 0.0),
    ("range_high", "sigmoid", 1.0),
    ("range_low", "hardtanh", -1.0),
    ("range_high", "hardtanh", 1.0),
    ("range_low", "selu", SELU_LOW),
    ("range_low", "elu(0.5)", -0.5),
    ("range_low", "softplus", 0.0),
    ("range_low", "silu", -0.2784645427610738),  # -W(1/e), W Lambert's function
    ("range_low", "hardswish", -0.375),  # at -3/2: z (z + 3) / 6
    ("range_high", "log_sigmoid", 0.0),
    ("range_high", "relu6", 6.0),
    ("monotone", "relu", "increasing"),
    ("monotone", "tanh", "increasing"),
    ("monotone", "silu", "no"),
    ("monotone", "gelu", "no"),
    ("zeros", "relu", "z ≤ 0"),
    ("zeros", "tanh", "z = 0"),
    ("zeros", "sigmoid", "none"),
    ("zeros", "gelu", "z = 0"),
    ("zeros", "softplus", "none"),
    ("zeros", "hardshrink", "-0.5 ≤ z ≤ 0.5"),
    ("kinks", "relu", "z = 0"),
    ("kinks", "hardtanh", "z = -1, z = 1"),
    ("kinks", "relu6", "z = 0, z = 6"),
    ("kinks", "tanh", "none"),
    ("kinks", "elu", "none"),  # the slope is continuous at alpha = 1
    ("kinks", "elu(2.0)", "z = 0"),
    ("kinks", "squared_relu", "none"),
    ("kinks", "hardshrink", "z = -0.5 (f itself), z = 0.5 (f itself)"),
    ("max_slope", "sigmoid", 0.25),
    ("max_slope", "tanh", 1.0),
    ("max_slope", "relu", 1.0),
    ("max_slope", "softplus", 1.0),
    ("max_slope", "gelu", 0.5 * math.erfc(-1) + math.exp(-1) / math.sqrt(math.pi)),  # at sqrt 2
    ("max_slope", "squared_relu", math.inf),
    ("mean", "relu", HE_MEAN),
    ("mean", "identity", 0.0),
    ("mean", "tanh", 0.0),
    ("mean", "sigmoid", 0.5),
    ("mean", "selu", 0.0),
    ("mean", "leaky_relu(0.1)", 0.9 * HE_MEAN),
    ("mean", "gelu", 0.5 / math.sqrt(math.pi)),  # Stein: E z Phi(z) = E phi(z)
    ("mean", "elu", HE_MEAN + math.exp(0.5) * normal_cdf(-1) - 0.5),
    ("mean", "squared_relu", 0.5),
    ("variance", "relu", 0.5 - 1 / (2 * math.pi)),
    ("variance", "identity", 1.0),
    ("variance", "selu", 1.0),
    ("variance", "squared_relu", 1.25),  # E z^4 / 2 - 1/4
    ("off_centre", "tanh", 0.0),
    ("off_centre", "relu", 1 / math.sqrt(math.pi - 1)),
    ("gain_forward", "relu", math.sqrt(2)),
    ("gain_backward", "relu", math.sqrt(2)),
    ("gain_forward", "identity", 1.0),
    ("gain_forward", "leaky_relu(0.1)", math.sqrt(2 / 1.01)),
    ("gradient_factor", "relu", 1.0),
    ("gradient_factor", "squared_relu", (4 / 3) ** 0.5),  # 4 E z+^2 / E z+^4 = 2 / 1.5
    ("fixed_point", "selu", 1.0),
    ("fixed_point", "relu", "0"),
    ("fixed_point", "tanh", "0"),
    ("fixed_point", "hardtanh", "0"),
    ("fixed_point", "identity", "every q"),
    ("fixed_point", "leaky_relu(1.5)", "none"),  # q grows by (1 + 2.25) / 2
    ("fixed_point", "squared_relu", 2 / 3),  # q = 3 q^2 / 2
    ("map_slope", "relu", 1.0),
    ("map_slope", "squared_relu", 2.0),
    ("saturation_low", "sigmoid", -SIGMOID_EDGE),
    ("saturation_high", "tanh", math.atanh(math.sqrt(0.95))),
    ("saturation_low", "tanh", -math.atanh(math.sqrt(0.95))),
    ("saturation_low", "elu", math.log(0.05)),
    ("saturation_low", "relu", 0.0),
    ("saturation_high", "relu", "none"),
    ("saturation_low", "leaky_relu(0.1)", "none"),
    ("saturation_high", "hardtanh", 1.0),
    ("zero_slope_share", "relu", 0.5),
    ("zero_slope_share", "leaky_relu", 0.0),
    ("zero_slope_share", "hardtanh", 2 * normal_cdf(-1)),
    ("zero_slope_share", "sigmoid", 0.0),
    ("flat_share", "leaky_relu", 0.5),
    ("flat_share", "tanh", 2 * normal_cdf(-math.atanh(math.sqrt(0.95)))),
    ("slope_fits", "gelu", True),
    ("slope_fits", "hardshrink", True),
    ("saved_bytes", "relu", 0.0),  # its output is the next layer's input, which is kept anyway
    ("saved_bytes", "identity", 0.0),
    ("saved_bytes", "gelu", 4.0),  # pre in float32
    ("learnable", "relu", 0),
    ("learnable", "swish", 1),
    ("value_error_float32", "relu", 0.0),
    ("slope_error_bfloat16", "relu", 0.0),
]


@pytest.mark.parametrize(
    ("name", "act", "truth"), PAPER, ids=[f"{name}-{act}" for name, act, _ in PAPER]
)
def test_what_is_known_on_paper(name: str, act: str, truth: Any) -> None:
    assert fits(measured(name, act), truth)


@pytest.mark.parametrize(
    ("name", "act", "falsehood"),
    [
        ("mean", "elu", 0.0),  # the folklore that lesson F6 corrects
        ("mean", "leaky_relu", 0.395),
        ("gain_forward", "tanh", 5 / 3),  # torch's rule of thumb
        ("kinks", "hardtanh", "z = -1"),
        ("monotone", "hardswish", "increasing"),
        ("saturation_high", "tanh", 2.0),
        ("zero_slope_share", "relu6", 0.5),
        ("range_high", "tanh", 0.999999),
        ("max_slope", "silu", 1.1),
    ],
)
def test_a_near_truth_is_rejected(name: str, act: str, falsehood: Any) -> None:
    assert not fits(measured(name, act), falsehood)


def test_thresholds_as_people_quote_them() -> None:
    assert round(float(measured("saturation_high", "tanh").value), 2) == 2.18
    assert round(float(measured("saturation_high", "sigmoid").value), 2) == 4.36
    assert round(float(measured("saturation_low", "elu").value), 1) == -3.0
    assert round(float(measured("mean", "elu").value), 2) == 0.16


@pytest.mark.parametrize(
    ("act", "low", "high"),
    [
        ("relu", True, False),
        ("sigmoid", False, False),
        ("hardtanh", True, True),
        ("gelu", True, False),
        ("softplus", False, False),
        ("tanh", False, False),
    ],
)
def test_whether_the_range_is_reached(act: str, low: bool, high: bool) -> None:
    assert measured("range_low", act).details["attained"] is low
    assert measured("range_high", act).details["attained"] is high


def test_an_infimum_that_float64_reaches_and_the_act_does_not() -> None:
    found = measured("range_low", own.GAUSS)
    assert (found.value, found.details["attained"]) == (0.0, False)
    assert measured("range_high", own.GAUSS).details == {"attained": True, "at": 0.0}
    assert measured("zeros", own.GAUSS).value == "none"


def test_a_bounded_wave_and_an_unbounded_logarithm() -> None:
    assert measured("range_high", own.WAVE).value == pytest.approx(1.0)
    assert measured("range_high", own.LOGARITHMIC).value == math.inf
    assert measured("monotone", own.WAVE).value == "no"
    assert measured("zeros", own.WAVE).value.endswith("and more")


def test_the_fixed_point_of_selu_is_zero_mean_and_unit_variance() -> None:
    details = measured("fixed_point", "selu").details
    assert details["mean"] == pytest.approx(0.0, abs=1e-9)
    assert details["variance"] == pytest.approx(1.0, abs=1e-9)
    assert 0 < details["slope"] < 1  # it attracts


def test_an_undeclared_kink_is_named() -> None:
    found = measured("kinks", own.HINGE)
    assert found.details["undeclared"] == (1.25,)
    assert found.note == "not declared by the record: z = 1.25"
    assert measured("kinks", "relu").details["undeclared"] == ()


def test_a_kink_that_these_parameters_do_not_have_is_no_fault() -> None:
    found = measured("kinks", "leaky_relu(1.0)")
    assert found.value == "none"
    assert found.details["undeclared"] == ()


def test_a_false_slope_formula_does_not_fit_its_value() -> None:
    assert measured("slope_fits", own.HONEST).value is True
    found = measured("slope_fits", own.FALSE_SLOPE)
    assert found.value is False
    low, high = found.details["wrong_between"]
    assert low < -7 <= high
    assert "f' adds up to 0" in found.note


def test_torchs_false_zeros_are_found() -> None:
    """The places, in torch 2.13: sigmoid's slope is 0 in bfloat16 beyond 6.25."""
    found = measured("slope_error_bfloat16", own.HONEST)
    assert found.value > 250
    assert any(place.startswith("0 for z from 6.25 to ") for place in found.details["false"])
    assert found.details["exact"] <= 0.51
    assert measured("slope_error_bfloat16", own.FALSE_SLOPE).details["false"] == ()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_cancelling_fast_path_is_told_from_the_exact_one(dtype: str) -> None:
    found = measured(f"value_error_{dtype}", own.CANCELLING)
    assert found.value == math.inf  # exp overflows
    assert any(place.startswith("NaN for z from") for place in found.details["false"])
    assert any("at +∞ (truth 1)" in place for place in found.details["false"])
    assert found.details["exact"] <= 0.51
    assert measured(f"value_error_{dtype}", "relu").details["false"] == ()


def test_a_swallowed_nan_is_named() -> None:
    assert "a NaN becomes 0" in measured("value_error_float32", own.SWALLOWING).details["false"]
    assert measured("value_error_float32", own.HONEST).details["false"] == ()


def test_gelu_is_false_where_the_issue_says() -> None:
    places = measured("value_error_float32", "gelu").details["false"]
    assert any(place.startswith("0 for z from -13") for place in places)
    assert "NaN at −∞ (truth 0)" in places


def test_a_softmax_has_no_slope_of_one_element_and_says_so() -> None:
    for name in NAMES:
        found = measured(name, "softmax")
        assert (
            found.value is not None
            or "axis" in found.note
            or found.note == ("not asked for: timing was off")
        )
    assert measured("mean", "softmax").value is None
    assert measured("value_error_float32", "softmax").value > 0.4


def test_relu_units_are_born_dead_and_leaky_ones_are_not() -> None:
    narrow = MeasureSetting(width=8, depth=12, samples=300, timing=False)
    found = measured("born_dead", "relu", narrow)
    assert found.details["nets"] == 64
    assert 0.15 < found.value < 0.5  # deep and narrow: samples line up, a unit is on or off
    assert found.details["low"] < found.value < found.details["high"]
    assert found.details["crowding"] > 1
    assert measured("born_dead", "leaky_relu", narrow).value == 0.0
    shallow = MeasureSetting(width=8, depth=1, samples=300, timing=False)
    assert measured("born_dead", "relu", shallow).value == 0.0  # half of 300 inputs are positive


def test_born_dead_is_repeatable_and_leaves_the_users_numbers_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    one = measured("born_dead", "relu")
    assert torch.equal(torch.rand(3), expected)
    assert measured("born_dead", "relu") == one


def test_wilson_against_its_definition() -> None:
    """The ends are the shares p at which the observed one is 1.96 standard errors off."""
    for hits, trials in ((0, 50), (3, 50), (25, 50), (50, 50)):
        share = hits / trials
        for end in wilson(hits, trials):
            room = 1.959964**2 * end * (1 - end) / trials
            assert (share - end) ** 2 == pytest.approx(room, rel=1e-9, abs=1e-15)


def test_every_property_says_what_and_how() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 30
    otherwise = ("time_", "born_dead", "value_error_", "slope_error_")  # by tests of their own
    rest = set(NAMES) - {name for name, _, _ in PAPER}
    assert [name for name in rest if not name.startswith(otherwise)] == []
    groups = [GROUPS.index(one.group) for one in properties()]
    assert groups == sorted(groups)
    for one in properties():
        assert len(one.method) > 60, one.name
        assert one.better in ("", "low", "high")
        assert one.title == one.title.strip()


def test_timing_gives_ratios_and_restores_the_threads() -> None:
    before = torch.get_num_threads()
    found = measured("time_forward", "tanh", MeasureSetting(timing=True))
    assert torch.get_num_threads() == before
    assert {"ratio_relu", "ratio_copy", "ratio_exact", "quartile_low"} <= found.details.keys()
    assert found.value > 0
    assert found.details["threads"] == 1
    assert measured("time_forward", "tanh").note == "not asked for: timing was off"


def test_relu_takes_once_its_own_time() -> None:
    found = measured("time_training", "relu", MeasureSetting(timing=True)).details
    ends = [found[f"ratio_relu{end}"] for end in ("", "_low", "_high")]
    assert ends == [1.0, 1.0, 1.0]
    other = measured("time_training", "gelu", MeasureSetting(timing=True)).details
    assert 0 < other["ratio_relu_low"] < other["ratio_relu"] < other["ratio_relu_high"]


def test_the_interval_of_a_median_holds_it_as_often_as_it_says() -> None:
    """Of a skewed distribution, whose median is 1; 95 % of 2,000 samples, within their noise."""
    draw = random.Random(5)
    for many in (6, 9, 40):
        ends = [
            median_interval([draw.lognormvariate(0, 1) for _ in range(many)]) for _ in range(2000)
        ]
        assert sum(low <= 1 <= high for low, high in ends) / 2000 > 0.94


def test_an_error_far_out_is_told_apart_from_one_where_networks_live() -> None:
    """Torch's SiLU is 0 below -88.8, where the truth is a normal number; near zero it is exact."""
    assert measured("value_error_float32", "silu").value > 1e6
    assert measured("value_error_near", "silu").value < 3
    assert measured("value_error_near", "gelu").value > 1e6  # it cancels from -5.5 on
