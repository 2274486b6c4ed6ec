"""Acts with a smooth slope. Maximal slopes are closed forms or roots of f'' (see each record)."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Act, Node


def _sigmoid_slope(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * torch.sigmoid(-z)  # no 1 - s: that cancels on the high side


def _sigmoid_slope_of_post(h: Tensor) -> Tensor:
    return h * (1 - h)


def _tanh_slope_of_post(h: Tensor) -> Tensor:
    return 1 - h * h


def _tanh_slope(z: Tensor) -> Tensor:
    small = torch.exp(-2 * z.abs())
    return 4 * small / (1 + small) ** 2  # sech^2 without 1 - h^2, which cancels


def _elu_value(
    z: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Tensor:
    negative = scale * alpha * torch.expm1(input_scale * z.clamp(max=0))
    return torch.where(z > 0, scale * z, negative)


def _elu_slope(
    z: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Tensor:
    negative = scale * alpha * input_scale * torch.exp(input_scale * z.clamp(max=0))
    return torch.where(z > 0, torch.full_like(z, scale), negative)


def _elu_slope_of_post(
    h: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Tensor:
    return torch.where(h > 0, torch.full_like(h, scale), input_scale * (h + scale * alpha))


def _celu_value(z: Tensor, alpha: float = 1.0) -> Tensor:
    return torch.where(z > 0, z, alpha * torch.expm1(z.clamp(max=0) / alpha))


def _celu_slope(z: Tensor, alpha: float = 1.0) -> Tensor:
    return torch.exp(z.clamp(max=0) / alpha)


def _log_sigmoid_slope(z: Tensor) -> Tensor:
    return torch.sigmoid(-z)


def _gelu_value(z: Tensor, approximate: str = "none") -> Tensor:
    return functional.gelu(z, approximate=approximate)


def _gelu_slope(z: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)
        bend = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z**2)
        return torch.sigmoid(2 * inner) + 0.5 * z * _tanh_slope(inner) * bend
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return 0.5 * torch.erfc(-z / math.sqrt(2)) + z * density


def _silu_slope(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * (1 + z * torch.sigmoid(-z))


def _mish_slope(z: Tensor) -> Tensor:
    gate = functional.softplus(z)
    return torch.tanh(gate) + z * torch.sigmoid(z) * _tanh_slope(gate)


def _softplus_value(z: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    return functional.softplus(z, beta, threshold)


def _softplus_slope(z: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    del threshold  # where torch's value turns linear; the slope is 1 there to the last digit
    return torch.sigmoid(beta * z)


def _elu_variant(parameters: Mapping[str, Any]) -> str | None:
    return "selu" if abs(parameters["scale"] - 1.0507009873554805) < 1e-6 else None


SIGMOID = Act(
    name="sigmoid",
    family="smooth",
    formula="1 / (1 + exp(-z))",
    year=1986,
    reference="Rumelhart, Hinton & Williams, Nature 323, 1986",
    nodes=(Node("SigmoidBackward0", "_saved_result", "post"),),
    value=torch.sigmoid,
    slope=_sigmoid_slope,
    slope_of_post=_sigmoid_slope_of_post,
    post_centre=0.5,
    max_slope=0.25,
)

TANH = Act(
    name="tanh",
    family="smooth",
    formula="(exp(z) - exp(-z)) / (exp(z) + exp(-z))",
    year=1989,
    reference="LeCun, 1989; LeCun et al., Efficient BackProp, 1998",
    nodes=(Node("TanhBackward0", "_saved_result", "post"),),
    value=torch.tanh,
    slope=_tanh_slope,
    slope_of_post=_tanh_slope_of_post,
)

ELU = Act(
    name="elu",
    family="smooth",
    formula="scale * z if z > 0 else scale * alpha * (exp(input_scale * z) - 1); selu included",
    year=2015,
    reference="Clevert, Unterthiner & Hochreiter, ICLR 2016, arXiv:1511.07289",
    nodes=(
        Node(
            "EluBackward0",
            "_saved_self",
            parameters={
                "alpha": "_saved_alpha",
                "scale": "_saved_scale",
                "input_scale": "_saved_input_scale",
            },
        ),
        Node(
            "EluBackward1",
            "_saved_result",
            "post",
            {
                "alpha": "_saved_alpha",
                "scale": "_saved_scale",
                "input_scale": "_saved_input_scale",
            },
        ),
    ),
    value=_elu_value,
    slope=_elu_slope,
    slope_of_post=_elu_slope_of_post,
    kink="slope scale * alpha at 0",
    variant=_elu_variant,
)

CELU = Act(
    name="celu",
    family="smooth",
    formula="max(0, z) + min(0, alpha * (exp(z / alpha) - 1))",
    year=2017,
    reference="Barron, 2017, arXiv:1704.07483",
    nodes=(Node("CeluBackward0", "_saved_self", parameters={"alpha": "_saved_alpha"}),),
    value=_celu_value,
    slope=_celu_slope,
)

GELU = Act(
    name="gelu",
    family="smooth",
    formula="z * Phi(z), Phi the standard normal distribution",
    year=2016,
    reference="Hendrycks & Gimpel, 2016, arXiv:1606.08415",
    nodes=(Node("GeluBackward0", "_saved_self", parameters={"approximate": "_saved_approximate"}),),
    value=_gelu_value,
    slope=_gelu_slope,
    max_slope=1.128904,  # Phi(sqrt 2) + sqrt 2 * phi(sqrt 2): f'' = 0 at z = sqrt 2
    centre=0.0,
)

SILU = Act(
    name="silu",
    family="smooth",
    formula="z * sigmoid(z)",
    year=2017,
    reference="Elfwing et al., 2017, arXiv:1702.03118; Ramachandran et al., arXiv:1710.05941",
    nodes=(Node("SiluBackward0", "_saved_self"),),
    value=functional.silu,
    slope=_silu_slope,
    max_slope=1.099839,  # at z = 2.399357, the root of f''
)

MISH = Act(
    name="mish",
    family="smooth",
    formula="z * tanh(log(1 + exp(z)))",
    year=2019,
    reference="Misra, BMVC 2020, arXiv:1908.08681",
    nodes=(Node("MishBackward0", "_saved_self"),),
    value=functional.mish,
    slope=_mish_slope,
    max_slope=1.088498,  # at z = 1.490477, a root of f''
)

SOFTPLUS = Act(
    name="softplus",
    family="smooth",
    formula="log(1 + exp(beta * z)) / beta",
    year=2001,
    reference="Dugas et al., NeurIPS 2000",
    nodes=(
        Node(
            "SoftplusBackward0",
            "_saved_self",
            parameters={"beta": "_saved_beta", "threshold": "_saved_threshold"},
        ),
    ),
    value=_softplus_value,
    slope=_softplus_slope,
)

LOG_SIGMOID = Act(
    name="log_sigmoid",
    family="smooth",
    formula="-log(1 + exp(-z))",
    year=1986,
    reference="the logarithm of sigmoid",
    nodes=(Node("LogSigmoidBackward0", "_saved_self"),),
    value=functional.logsigmoid,
    slope=_log_sigmoid_slope,
)
