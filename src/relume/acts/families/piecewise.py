"""Acts made of pieces, joined at kinks: cheap, and flat only where a piece is flat.

Slopes at a kink follow torch: the slope of the piece that torch's backward takes there.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node, register
from relume.acts.kernels.stable_math import band, flat, step
from relume.acts.module import ActModule


@register(
    formula="max(0, z)",
    family="piecewise",
    year=2010,
    reference="Nair & Hinton, ICML 2010",
    native=functional.relu,
    slope=step,
    slope_of_post=step,  # the output is positive where the input is
    curvature=flat,
    kink="slope 0 at 0",
    kinks=lambda: (0.0,),
    nodes=(Node("ReluBackward0", "_saved_result", "post"),),
    matches=(
        "torch.nn.ReLU",
        "torch.nn.functional.relu",
        "torch.nn.functional.relu_",
        "torch.relu",
        "torch.relu_",
        "torch.Tensor.relu",
        "torch.Tensor.relu_",
    ),
)
def relu(z: Tensor) -> Tensor:
    """max(0, z): the default of hidden layers; a unit that is never above 0 is dead."""
    return z.clamp(min=0)


class ReLU(ActModule, act=relu):
    """`relu` as a module."""


def _leaky_slope(z: Tensor, negative_slope: float | Tensor = 0.01) -> Tensor:
    return step(z, negative_slope)


def _leaky_kinks(negative_slope: float) -> tuple[float, ...]:
    return () if negative_slope == 1 else (0.0,)


@register(
    formula="z if z > 0 else negative_slope * z",
    family="piecewise",
    year=2013,
    reference="Maas, Hannun & Ng, ICML workshop 2013",
    native=functional.leaky_relu,
    slope=_leaky_slope,
    slope_of_post=_leaky_slope,  # the sign survives, and the sign decides
    curvature=flat,
    kink="slope negative_slope at 0",
    kinks=_leaky_kinks,
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
        Node("LeanLeakyBackward", "saved_tensors", "post", parameters=None),
    ),
    matches=(
        "torch.nn.LeakyReLU",
        "torch.nn.functional.leaky_relu",
        "torch.nn.functional.leaky_relu_",
    ),
    aliases=("lrelu", "leakyrelu"),
)
def leaky_relu(z: Tensor, negative_slope: float = 0.01) -> Tensor:
    """z above 0, negative_slope z below: no unit can die."""
    # by clamps, not `where`: an untaken infinite branch has a gradient of NaN
    return z.clamp(min=0) + negative_slope * z.clamp(max=0)


class LeakyReLU(ActModule, act=leaky_relu):
    """`leaky_relu` as a module."""


def _rrelu_native(
    z: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False
) -> Tensor:
    return functional.rrelu(z, lower, upper, False, inplace)


def _rrelu_kinks(lower: float, upper: float) -> tuple[float, ...]:
    return () if lower + upper == 2 else (0.0,)


def _rrelu_slope(z: Tensor, lower: float = 1 / 8, upper: float = 1 / 3) -> Tensor:
    return step(z, (lower + upper) / 2)


@register(
    formula="z if z > 0 else a * z, a drawn from U(lower, upper) in training, its mean otherwise",
    family="piecewise",
    year=2015,
    reference="Xu et al., 2015, arXiv:1505.00853",
    native=_rrelu_native,
    slope=_rrelu_slope,
    curvature=flat,
    kink="slope a at 0",
    kinks=_rrelu_kinks,
    nodes=(
        Node(
            "RreluWithNoiseBackward0",
            "_saved_self",
            parameters={"lower": "_saved_lower", "upper": "_saved_upper"},
        ),
    ),
    matches=(
        "torch.nn.RReLU",
        "torch.nn.functional.rrelu",
        "torch.nn.functional.rrelu_",
        "torch.rrelu",
        "torch.rrelu_",
    ),
)
def rrelu(z: Tensor, lower: float = 1 / 8, upper: float = 1 / 3) -> Tensor:
    """A leaky ReLU of slope (lower + upper) / 2; the module draws the slope in training."""
    return z.clamp(min=0) + (lower + upper) / 2 * z.clamp(max=0)


class RReLU(ActModule, act=rrelu):
    """`rrelu` as a module: in training each entry below 0 draws its own slope, as in torch.

    With ``exact=True`` too the draw is torch's; the mean slope of evaluation is then exact.
    """

    lower: float
    upper: float
    inplace: bool

    def forward(self, z: Tensor) -> Tensor:
        """f(z), random in training mode."""
        if self.training:
            return functional.rrelu(z, self.lower, self.upper, True, self.inplace)
        return super().forward(z)


def _hardtanh_kinks(min_val: float, max_val: float) -> tuple[float, ...]:
    return min_val, max_val


def _hardtanh_variant(parameters: Mapping[str, Any]) -> str | None:
    return "relu6" if (parameters["min_val"], parameters["max_val"]) == (0, 6) else None


def _hardtanh_slope(z: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    return band(z, min_val, max_val)


@register(
    formula="min(max(z, min_val), max_val); relu6 is hardtanh(0, 6)",
    family="piecewise",
    year=2004,
    reference="Collobert, PhD thesis, 2004",
    native=functional.hardtanh,
    slope=_hardtanh_slope,
    curvature=flat,
    kink="slope 0 at both bounds",
    kinks=_hardtanh_kinks,
    nodes=(
        Node(
            "HardtanhBackward0",
            "_saved_self",
            parameters={"min_val": "_saved_min_val", "max_val": "_saved_max_val"},
        ),
    ),
    variant=_hardtanh_variant,
    matches=(
        "torch.nn.Hardtanh",
        "torch.nn.functional.hardtanh",
        "torch.nn.functional.hardtanh_",
    ),
    aliases=("hard_tanh",),
)
def hardtanh(z: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """z clamped to [min_val, max_val]."""
    return z.clamp(min_val, max_val)


class Hardtanh(ActModule, act=hardtanh):
    """`hardtanh` as a module."""


def _relu6_slope(z: Tensor) -> Tensor:
    return band(z, 0.0, 6.0)


@register(
    formula="min(max(0, z), 6)",
    family="piecewise",
    year=2010,
    reference="Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10, 2010",
    native=functional.relu6,
    slope=_relu6_slope,
    curvature=flat,
    kink="slope 0 at 0 and 6",
    kinks=lambda: (0.0, 6.0),  # no node: the graph shows hardtanh(0, 6), whose variant this is
    matches=("torch.nn.ReLU6", "torch.nn.functional.relu6"),
    init=("he",),
)
def relu6(z: Tensor) -> Tensor:
    """z clamped to [0, 6]."""
    return z.clamp(0, 6)


class ReLU6(ActModule, act=relu6):
    """`relu6` as a module."""


def _hardsigmoid_slope(z: Tensor) -> Tensor:
    return band(z, -3.0, 3.0) / 6


@register(
    formula="min(max(z + 3, 0), 6) / 6",
    family="piecewise",
    year=2015,
    reference="Courbariaux, Bengio & David, NeurIPS 2015, arXiv:1511.00363",
    native=functional.hardsigmoid,
    slope=_hardsigmoid_slope,
    curvature=flat,
    declared_max_slope=1 / 6,
    kink="slope 0 at -3 and 3",
    kinks=lambda: (-3.0, 3.0),
    nodes=(Node("HardsigmoidBackward0", "_saved_self"),),
    matches=("torch.nn.Hardsigmoid", "torch.nn.functional.hardsigmoid"),
    aliases=("hard_sigmoid",),
)
def hardsigmoid(z: Tensor) -> Tensor:
    """A sigmoid of three straight pieces, between 0 at -3 and 1 at 3."""
    return (z + 3).clamp(0, 6) / 6


class Hardsigmoid(ActModule, act=hardsigmoid):
    """`hardsigmoid` as a module."""


def _hardswish_slope(z: Tensor) -> Tensor:
    inner = (2 * z.clamp(-3, 3) + 3) / 6
    return torch.where(z <= -3, torch.zeros_like(z), torch.where(z >= 3, torch.ones_like(z), inner))


def _hardswish_curvature(z: Tensor) -> Tensor:
    return band(z, -3.0, 3.0) / 3


@register(
    formula="z * min(max(z + 3, 0), 6) / 6",
    family="piecewise",
    year=2019,
    reference="Howard et al., ICCV 2019, arXiv:1905.02244",
    native=functional.hardswish,
    slope=_hardswish_slope,
    curvature=_hardswish_curvature,
    declared_max_slope=1.5,  # at 3 from below
    kink="slope of the outer piece at -3 and 3, 0 and 1",
    kinks=lambda: (-3.0, 3.0),
    nodes=(Node("HardswishBackward0", "_saved_self"),),
    matches=(
        "torch.nn.Hardswish",
        "torch.nn.functional.hardswish",
        "timm.layers.activations.HardSwish",
    ),
    aliases=("hard_swish", "h_swish"),
)
def hardswish(z: Tensor) -> Tensor:
    """A swish of three pieces: 0 up to -3, z from 3 on."""
    inner = z.clamp(-3, 3) * (z.clamp(-3, 3) + 3) / 6  # z * 6 / 6 overflows, -inf * 0 is NaN
    return torch.where(z > 3, z, inner)


class Hardswish(ActModule, act=hardswish):
    """`hardswish` as a module."""


def _squared_relu_slope(z: Tensor) -> Tensor:
    return 2 * z.clamp(min=0)


def _squared_relu_curvature(z: Tensor) -> Tensor:
    return step(z, high=2.0)


@register(
    formula="max(0, z)^2",
    family="piecewise",
    year=2021,
    reference="So et al., Primer, NeurIPS 2021, arXiv:2109.08668",
    slope=_squared_relu_slope,
    curvature=_squared_relu_curvature,
    declared_max_slope=2.0,  # there is no largest: flatness is judged against the slope at z = 1
    matches=("transformers.activations.ReLUSquaredActivation",),
    aliases=("relu2", "relu_squared", "sqrrelu"),
)
def squared_relu(z: Tensor) -> Tensor:
    """max(0, z)^2: no kink, but a slope without bound."""
    return torch.square(z.clamp(min=0))


class SquaredReLU(ActModule, act=squared_relu):
    """`squared_relu` as a module."""
