"""One network, wired rightly and wrongly: who learns, and how much of it moved?"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from relume.acts.gain import gain
from relume.acts.lookup import act as find
from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import batches, error, mlp, split

STEPS = 300
ARMS = {
    "right": "wired rightly",
    "not cleared": "gradients not cleared",
    "no step": "the optimiser never steps",
    "not held": "first layer not in the optimiser",
    "cut": "detached before the head",
    "remade": "first layer made in forward",
    "mixed": "rows mixed by a reshape",
    "exchanged": "targets of other rows",
    "one nan": "one pixel is NaN",
}


class Net(nn.Module):
    """Two ReLU layers and a head on the digits, with the fault of one arm in its forward."""

    def __init__(self, arm: str, seed: int) -> None:
        super().__init__()
        layers: Any = mlp("relu", seed)
        self.arm, self.first, self.second, self.head = arm, layers[0], layers[2], layers[4]
        self.source = torch.Generator().manual_seed(seed + 20_000)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of (rows, 64) pixels."""
        weight: Tensor = self.first.weight
        if self.arm == "remade":  # a layer made here is drawn anew for each batch
            scale = gain(find("relu")) / 8.0  # 64 inputs
            weight = torch.randn(weight.shape, generator=self.source) * scale
        hidden = functional.linear(x, weight, self.first.bias).relu()
        if self.arm == "mixed":  # a transpose was meant for another axis: (64, rows) -> (rows, 64)
            hidden = hidden.t().reshape(len(x), -1)
        hidden = self.second(hidden).relu()
        return self.head(hidden.detach() if self.arm == "cut" else hidden)


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Test error after training, and the share of the weights that are not where they began."""
    x, y, far, goal = split()
    net = Net(arm, seed)
    if arm == "exchanged":
        y = y[torch.randperm(len(y), generator=net.source)]
    if arm == "one nan":
        x = x.clone()
        x[seed, 0] = float("nan")
    start = [leaf.detach().clone() for leaf in net.parameters()]
    held = [
        leaf for name, leaf in net.named_parameters() if arm != "not held" or "first" not in name
    ]
    optimiser = torch.optim.SGD(held, lr=rate)
    for _, rows in zip(range(STEPS), batches(len(x), seed), strict=False):
        if arm != "not cleared":
            optimiser.zero_grad()
        torch.autograd.backward(functional.cross_entropy(net(x[rows]), y[rows]))
        if arm != "no step":
            optimiser.step()
    moved = sum(int((a != b).sum()) for a, b in zip(start, net.parameters(), strict=True))
    return {"test": error(net, far, goal), "moved": moved / sum(a.numel() for a in start)}


WIRING = Experiment(
    "wiring",
    "What does a network learn that is wired wrongly?",
    measure,
    ARMS,
    {"test": "test error", "moved": "share of the weights that moved"},
    seeds=10,
    setting="two ReLU layers of 64 on 1,500 digits, batches of 64, 300 steps of SGD at rate 0.1; "
    "tested on 297 others",
    needs="scikit-learn",
)
