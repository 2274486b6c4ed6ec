"""Which act for hidden layers, each at its own best learning rate?"""

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import descend, error, mlp, split


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Test error after 400 steps."""
    x, y, far, goal = split()
    net = mlp(arm, seed, hidden=4)
    descend(net, (x, y), seed, rate=rate, steps=400)
    return {"test": error(net, far, goal), "train": error(net, x, y)}


FIRST_CHOICE = Experiment(
    "first-choice",
    "Which act for hidden layers, each at its own best learning rate?",
    measure,
    {"relu": "ReLU", "leaky_relu": "Leaky ReLU", "prelu": "PReLU", "elu": "ELU", "gelu": "GELU"}
    | {"silu": "SiLU", "maxout": "Maxout", "tanh": "tanh", "sigmoid": "sigmoid"},
    {"test": "test error", "train": "training error"},
    seeds=20,
    rates=(0.05, 0.1, 0.2, 0.4, 0.8),
    setting="four layers of 64 on 1,500 digits, batches of 64, 400 steps of SGD, tested on 297 "
    "others",
    needs="scikit-learn",
)
