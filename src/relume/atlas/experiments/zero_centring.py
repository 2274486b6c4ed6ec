"""What inputs and acts off centre cost: the same network with its means moved."""

import torch
from torch import Tensor, nn

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import images, layer, steps_to


class Shifted(nn.Module):
    """sigmoid(z) minus a constant: slopes and saturation stay, only the mean moves."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, z: Tensor) -> Tensor:
        """f(z)."""
        return torch.sigmoid(z) - self.by


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Steps until 5 % of the training images are wrong."""
    x, y = images()
    x = (x - x.mean(0)) / x.std() + (1.5 if arm == "inputs" else 0.0)
    source = torch.Generator().manual_seed(seed)
    parts: list[nn.Module] = []
    for _ in range(2):
        parts += [layer(nn.Linear(64, 64), None, source)]
        parts += [Shifted(0.0 if arm == "outputs" else 0.5)]
    net = nn.Sequential(*parts, layer(nn.Linear(64, 10), None, source))
    (steps,) = steps_to(net, (x, y), seed, rate=rate, goals=(0.05,), most=3000)
    return {"steps": steps}


ZERO_CENTRING = Experiment(
    "zero-centring",
    "What does it cost when inputs, or outputs of an act, are not centred on zero?",
    measure,
    {
        "centred": "all centred: sigmoid − ½, centred pixels",
        "outputs": "outputs off centre: sigmoid",
        "inputs": "inputs off centre: pixels + 1.5",
    },
    {"steps": "steps to 5 % training error"},
    seeds=12,
    rates=(0.1, 0.3, 1.0, 3.0, 10.0),
    unit="steps",
    setting="two layers of 64 on 1,797 digits, batches of 64, SGD; the three networks differ in "
    "nothing but where their means are",
    needs="scikit-learn",
)
