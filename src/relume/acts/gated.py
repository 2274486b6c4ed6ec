"""Units that multiply one signal by a squashed other."""

import torch
from torch import Tensor
from torch.nn import functional

from relume.acts.act import Node, register
from relume.acts.module import ActModule


@register(
    formula="a * sigmoid(b), (a, b) the halves of z along one axis",
    family="gated",
    year=2016,
    reference="Dauphin et al., ICML 2017, arXiv:1612.08083",
    elementwise=False,
    native=functional.glu,
    nodes=(Node("GluBackward0", "_saved_self"),),
    matches=("torch.nn.GLU", "torch.nn.functional.glu"),
)
def glu(z: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), (a, b) the halves of z along `dim`."""
    a, b = z.chunk(2, dim)
    return a * torch.sigmoid(b)


class GLU(ActModule, act=glu):
    """`glu` as a module."""
