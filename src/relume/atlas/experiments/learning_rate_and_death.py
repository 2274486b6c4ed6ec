"""How many ReLUs a learning rate kills."""

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import dead_share, descend, error, mlp, split

RATES = (0.1, 0.3, 1.0, 2.0, 4.0)
ARMS = {f"relu {rate:g}": f"ReLU, rate {rate:g}" for rate in RATES}
LEAKY = {f"leaky_relu {rate:g}": f"Leaky ReLU, rate {rate:g}" for rate in RATES[2:]}


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Dead units and training error after 200 steps at the arm's own rate."""
    del rate
    act, _, own = arm.partition(" ")
    x, y, _, _ = split()
    net = mlp(act, seed)
    descend(net, (x, y), seed, rate=float(own), steps=200)
    return {"dead": dead_share(net, x), "error": error(net, x, y)}


LEARNING_RATE_AND_DEATH = Experiment(
    "learning-rate-and-death",
    "How many units die at which learning rate?",
    measure,
    {**ARMS, **LEAKY},
    {"dead": "share of dead units", "error": "training error"},
    seeds=10,
    setting="two layers of 64 on 1,500 digits, batches of 64, 200 steps of SGD",
    needs="scikit-learn",
    against={f"leaky_relu {rate:g}": f"relu {rate:g}" for rate in RATES[2:]},
)
