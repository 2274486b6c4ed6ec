"""Acts made of straight pieces: cheap, and flat only where a piece is flat.

Slopes at a kink follow torch: the slope of the piece that torch's backward takes there.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from relume.acts.act import Act, Node


def _band(z: Tensor, low: float | None, high: float | None) -> Tensor:
    """1 strictly inside (low, high), 0 outside; None stands for no bound."""
    inside = torch.ones_like(z)
    if low is not None:
        inside = inside * (z > low)
    if high is not None:
        inside = inside * (z < high)
    return inside


def _step(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


def _leaky_slope(z: Tensor, negative_slope: float | Tensor = 0.01) -> Tensor:
    return torch.where(z > 0, torch.ones_like(z), torch.ones_like(z) * negative_slope)


def _leaky_value(z: Tensor, negative_slope: float | Tensor = 0.01) -> Tensor:
    return torch.where(z > 0, z, z * negative_slope)


def _rrelu_slope(z: Tensor, lower: float = 1 / 8, upper: float = 1 / 3) -> Tensor:
    return _leaky_slope(z, (lower + upper) / 2)


def _rrelu_value(z: Tensor, lower: float = 1 / 8, upper: float = 1 / 3) -> Tensor:
    return _leaky_value(z, (lower + upper) / 2)


def _hardtanh_variant(parameters: Mapping[str, Any]) -> str | None:
    return "relu6" if (parameters["min_val"], parameters["max_val"]) == (0, 6) else None


def _hardtanh_slope(z: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    return _band(z, min_val, max_val)


def _hardtanh_value(z: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    return z.clamp(min_val, max_val)


def _clamp_slope(z: Tensor, low: float | None = 0.0, high: float | None = None) -> Tensor:
    return _band(z, low, high)


def _clamp_value(z: Tensor, low: float | None = 0.0, high: float | None = None) -> Tensor:
    return z.clamp(low, high)


def _maximum_slope(z: Tensor, other: Tensor) -> Tensor:
    # A per-element bound cannot be followed on sampled rows; a scalar one can.
    return (z > other).to(z.dtype) if other.numel() == 1 else (z > 0).to(z.dtype)


def _maximum_value(z: Tensor, other: Tensor) -> Tensor:
    return torch.maximum(z, other.to(z.dtype)) if other.numel() == 1 else z.clamp(min=0)


def _threshold_slope(z: Tensor, threshold: float = 0.0) -> Tensor:
    return (z > threshold).to(z.dtype)


def _threshold_value(z: Tensor, threshold: float = 0.0) -> Tensor:
    return torch.where(z > threshold, z, torch.full_like(z, threshold))


def _shrink_slope(z: Tensor, lambd: float = 0.5) -> Tensor:
    return (z.abs() > lambd).to(z.dtype)


def _hardshrink_value(z: Tensor, lambd: float = 0.5) -> Tensor:
    return torch.where(z.abs() > lambd, z, torch.zeros_like(z))


def _softshrink_value(z: Tensor, lambd: float = 0.5) -> Tensor:
    return z.sign() * (z.abs() - lambd).clamp(min=0)


def _hardsigmoid_slope(z: Tensor) -> Tensor:
    return _band(z, -3.0, 3.0) / 6


def _hardswish_slope(z: Tensor) -> Tensor:
    inner = (2 * z + 3) / 6
    return torch.where(z < -3, torch.zeros_like(z), torch.where(z > 3, torch.ones_like(z), inner))


RELU = Act(
    name="relu",
    family="piecewise",
    formula="max(0, z)",
    year=2010,
    reference="Nair & Hinton, ICML 2010",
    nodes=(Node("ReluBackward0", "_saved_result", "post"),),
    value=torch.relu,
    slope=_step,
    slope_of_post=_step,  # the output is positive where the input is
    kink="slope 0 at 0",
)

LEAKY_RELU = Act(
    name="leaky_relu",
    family="piecewise",
    formula="z if z > 0 else negative_slope * z",
    year=2013,
    reference="Maas, Hannun & Ng, ICML workshop 2013",
    nodes=(
        Node(
            "LeakyReluBackward0",
            "_saved_self",
            parameters={"negative_slope": "_saved_negative_slope"},
        ),
        Node(
            "LeakyReluBackward1",
            "_saved_result",
            "post",
            {"negative_slope": "_saved_negative_slope"},
        ),
    ),
    value=_leaky_value,
    slope=_leaky_slope,
    slope_of_post=_leaky_slope,  # the sign survives, and the sign decides
    kink="slope negative_slope at 0",
)

PRELU = Act(
    name="prelu",
    family="learnable",
    formula="z if z > 0 else a * z, a learned",
    year=2015,
    reference="He et al., ICCV 2015, arXiv:1502.01852",
    nodes=(
        Node("PreluKernelBackward0", "_saved_self", parameters={"negative_slope": "_saved_weight"}),
    ),
    value=_leaky_value,
    slope=_leaky_slope,
    kink="slope a at 0",
)

RRELU = Act(
    name="rrelu",
    family="piecewise",
    formula="z if z > 0 else a * z, a drawn from U(lower, upper) in training",
    year=2015,
    reference="Xu et al., 2015, arXiv:1505.00853",
    nodes=(
        Node(
            "RreluWithNoiseBackward0",
            "_saved_self",
            parameters={"lower": "_saved_lower", "upper": "_saved_upper"},
        ),
    ),
    value=_rrelu_value,
    slope=_rrelu_slope,
    kink="slope a at 0",
)

HARDTANH = Act(
    name="hardtanh",
    family="piecewise",
    formula="min(max(z, min_val), max_val); relu6 is hardtanh(0, 6)",
    year=2004,
    reference="Collobert, PhD thesis, 2004",
    nodes=(
        Node(
            "HardtanhBackward0",
            "_saved_self",
            parameters={"min_val": "_saved_min_val", "max_val": "_saved_max_val"},
        ),
    ),
    value=_hardtanh_value,
    slope=_hardtanh_slope,
    kink="slope 0 at both bounds",
    variant=_hardtanh_variant,
)

CLAMP = Act(
    name="clamp",
    family="piecewise",
    formula="min(max(z, low), high)",
    year=2010,
    reference="as relu for low = 0",
    nodes=(
        Node(
            "ClampBackward1",
            "_saved_self",
            parameters={"low": "_saved_min", "high": "_saved_max"},
        ),
        Node("ClampMinBackward0", "_saved_self", parameters={"low": "_saved_min"}),
    ),
    value=_clamp_value,
    slope=_clamp_slope,
    kink="slope 0 here at the bounds, where torch's clamp takes 1",
)

MAXIMUM = Act(
    name="maximum",
    family="piecewise",
    formula="max(z, c) for a constant c",
    year=2010,
    reference="as relu for c = 0",
    nodes=(
        Node(
            "MaximumBackward0",
            "_saved_self",
            parameters={"other": "_saved_other"},
            constant_input=True,
        ),
    ),
    value=_maximum_value,
    slope=_maximum_slope,
    kink="slope 0 here at the kink, where torch's maximum takes 1/2",
)

THRESHOLD = Act(
    name="threshold",
    family="piecewise",
    formula="z if z > threshold else value",
    year=2010,
    reference="as relu for threshold = value = 0",
    nodes=(
        Node("ThresholdBackward0", "_saved_self", parameters={"threshold": "_saved_threshold"}),
    ),
    value=_threshold_value,
    slope=_threshold_slope,
    kink="slope 0 at the threshold",
)

HARDSHRINK = Act(
    name="hardshrink",
    family="piecewise",
    formula="z if abs z > lambd else 0",
    year=1994,
    reference="Donoho & Johnstone, Biometrika 1994",
    nodes=(Node("HardshrinkBackward0", "_saved_self", parameters={"lambd": "_saved_lambd"}),),
    value=_hardshrink_value,
    slope=_shrink_slope,
    kink="slope 0 at both thresholds",
)

SOFTSHRINK = Act(
    name="softshrink",
    family="piecewise",
    formula="sign(z) * max(abs z - lambd, 0)",
    year=1995,
    reference="Donoho, IEEE Transactions on Information Theory 1995",
    nodes=(Node("SoftshrinkBackward0", "_saved_self", parameters={"lambd": "_saved_lambd"}),),
    value=_softshrink_value,
    slope=_shrink_slope,
    kink="slope 0 at both thresholds",
)

HARDSIGMOID = Act(
    name="hardsigmoid",
    family="piecewise",
    formula="min(max(z + 3, 0), 6) / 6",
    year=2015,
    reference="Courbariaux, Bengio & David, NeurIPS 2015",
    nodes=(Node("HardsigmoidBackward0", "_saved_self"),),
    value=torch.nn.functional.hardsigmoid,
    slope=_hardsigmoid_slope,
    max_slope=1 / 6,
    kink="slope 0 at -3 and 3",
)

HARDSWISH = Act(
    name="hardswish",
    family="piecewise",
    formula="z * min(max(z + 3, 0), 6) / 6",
    year=2019,
    reference="Howard et al., ICCV 2019, arXiv:1905.02244",
    nodes=(Node("HardswishBackward0", "_saved_self"),),
    value=torch.nn.functional.hardswish,
    slope=_hardswish_slope,
    max_slope=1.5,
    kink="slope of the inner piece at -3 and 3",
)
