"""Does a small positive bias at the start help ReLU?"""

import torch
from torch import nn

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import dead_share, mlp, split, steps_to

BIASES = {"zero": 0.0, "0.01": 0.01, "0.1": 0.1, "one": 1.0}


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Steps until 2 % of the training images are wrong, and the dead units then."""
    x, y, _, _ = split()
    net = mlp("relu", seed, hidden=4)
    with torch.no_grad():
        for part in list(net)[:-1]:
            if isinstance(part, nn.Linear):
                part.bias.fill_(BIASES[arm])
    (steps,) = steps_to(net, (x, y), seed, rate=rate, goals=(0.02,), most=1500, every=1)
    return {"steps": steps, "dead": dead_share(net, x)}


POSITIVE_BIAS = Experiment(
    "positive-bias",
    "Does a small positive bias at the start help a ReLU network?",
    measure,
    {"zero": "bias 0", "0.01": "bias 0.01", "0.1": "bias 0.1", "one": "bias 1"},
    {"steps": "steps to 2 % training error", "dead": "share of dead units then"},
    seeds=30,
    rates=(0.1, 0.2, 0.4),
    unit="steps",
    setting="four ReLU layers of 64 on 1,500 digits, batches of 64, SGD, weights drawn as He says",
    needs="scikit-learn",
)
