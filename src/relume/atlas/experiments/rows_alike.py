"""Rows, or units, that are alike: what makes them so, and what is left to learn?"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import batches, error, mlp, split

STEPS = 300
CODE = 8
PENALTY = 1.0
ARMS = {
    "free": "a free code",
    "sign": "its sign alone goes on",
    "alike": "all weights begin alike",
    "closed": "hidden biases begin at −20",
    "noisy": "noise, and a small penalty",
    "penalised": "noise, and a large penalty",
}


class Coder(nn.Module):
    """Digits through a ReLU layer of 64 into eight numbers, and a head that reads them."""

    def __init__(self, arm: str, seed: int) -> None:
        super().__init__()
        body: Any = mlp("relu", seed)[0]
        self.arm, self.body = arm, body
        source = torch.Generator().manual_seed(seed + 20_000)
        self.code, self.head = nn.Linear(64, CODE), nn.Linear(CODE, 10)
        self.noise = torch.Generator().manual_seed(seed + 30_000)
        with torch.no_grad():
            for layer in (self.code, self.head):
                layer.weight.normal_(std=layer.in_features**-0.5, generator=source)
                layer.bias.zero_()
            if arm == "alike":
                for layer in (body, self.code, self.head):
                    layer.weight.fill_(1 / layer.in_features)
            if arm == "closed":
                body.bias.fill_(-20.0)

    def coded(self, x: Tensor) -> Tensor:
        """The code of (rows, 64) pixels, (rows, 8)."""
        return self.code(self.body(x).relu())

    def forward(self, x: Tensor) -> Tensor:
        """Logits, as they are told without noise."""
        code = self.coded(x)
        return self.head(code.sign() if self.arm == "sign" else code)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy; with noise, also the price of a code that is far from pure noise."""
        if self.arm not in ("noisy", "penalised"):
            return functional.cross_entropy(self(x), y)
        code = self.coded(x)
        noise = torch.randn(code.shape, generator=self.noise)
        weight = PENALTY if self.arm == "penalised" else PENALTY / 1000
        price = weight * 0.5 * code.square().sum(1).mean()
        return functional.cross_entropy(self.head(code + noise), y) + price


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Test error, the variance of the code over the rows, and the share of the body that moved."""
    x, y, far, goal = split()
    net = Coder(arm, seed)
    start: Tensor = net.body.weight.detach().clone()
    optimiser = torch.optim.SGD(list(net.parameters()), lr=rate)
    for _, rows in zip(range(STEPS), batches(len(x), seed), strict=False):
        optimiser.zero_grad()
        torch.autograd.backward(net.loss(x[rows], y[rows]))
        optimiser.step()
    with torch.no_grad():
        spread = float(net.coded(far).var(0).mean())
    moved = float(net.body.weight.detach().ne(start).double().mean())
    return {"test": error(net, far, goal), "spread": spread, "moved": moved}


ROWS_ALIKE = Experiment(
    "rows-alike",
    "What is learned where rows, or units, are alike?",
    measure,
    ARMS,
    {
        "test": "test error",
        "spread": "variance of the code over rows",
        "moved": "share of the first layer's weights that moved",
    },
    seeds=10,
    setting="a ReLU layer of 64 into a code of 8 on 1,500 digits, batches of 64, 300 steps of SGD "
    "at rate 0.1; tested on 297 others",
    needs="scikit-learn",
)
