"""The gradient of a deep net on real images, before training, and what becomes of it."""

import math
from typing import Any

import torch
from torch.nn import functional

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import batches, error, mlp, split

LAYERS = 20


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """The first hidden layer's weight gradient over the last one's, as a power of ten, and the
    training error after 300 steps of Adam."""
    x, y, _, _ = split()
    net = mlp(arm, seed, hidden=LAYERS)
    leaves: Any = net.parameters()
    torch.autograd.backward(functional.cross_entropy(net(x[:256]), y[:256]))
    weights: list[Any] = [p for p in net.parameters() if p.dim() == 2]
    first, last = (float(w.grad.norm() / w.numel() ** 0.5) for w in (weights[1], weights[-2]))
    ratio = math.log10(first / last) if first > 0 and last > 0 else None
    optimiser = torch.optim.Adam(leaves, lr=rate)
    for _, rows in zip(range(300), batches(len(x), seed), strict=False):
        optimiser.zero_grad()
        torch.autograd.backward(functional.cross_entropy(net(x[rows]), y[rows]))
        optimiser.step()
    return {"error": error(net, x, y), "ratio": ratio}


DEPTH_AND_VANISHING = Experiment(
    "depth-and-vanishing",
    "How much of the gradient reaches the first of 20 layers, and does the net still learn?",
    measure,
    {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "leaky_relu": "Leaky ReLU"}
    | {"elu": "ELU", "selu": "SELU", "gelu": "GELU"},
    {
        "error": "training error after 300 steps",
        "ratio": "gradient at the first hidden layer over the last, power of ten",
    },
    seeds=8,
    rates=(0.001,),
    setting="20 layers of 64 on 1,500 digits, each act from the gain that keeps its signal; "
    "Adam at 0.001 for all",
    needs="scikit-learn",
)
