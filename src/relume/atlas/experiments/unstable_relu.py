"""ReLU networks from a good rate to one that is too high: does Leaky ReLU hold longer?"""

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import descend, error, mlp, split

ACTS = {
    "relu": ("relu", "ReLU"),
    "leaky 0.01": ("leaky_relu(negative_slope=0.01)", "Leaky ReLU 0.01"),
    "leaky 0.1": ("leaky_relu(negative_slope=0.1)", "Leaky ReLU 0.1"),
}
RATES = (0.3, 0.7, 0.85, 1.0)
ARMS = {
    f"{short} at {rate:g}": f"{words}, rate {rate:g}"
    for rate in RATES
    for short, (_, words) in ACTS.items()
}


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Test error after 300 steps at the arm's own rate."""
    del rate
    short, _, own = arm.rpartition(" at ")
    x, y, far, goal = split()
    net = mlp(ACTS[short][0], seed, hidden=4)
    descend(net, (x, y), seed, rate=float(own), steps=300)
    return {"test": error(net, far, goal)}


UNSTABLE_RELU = Experiment(
    "unstable-relu",
    "Where ReLU is unstable, does Leaky ReLU help?",
    measure,
    ARMS,
    {"test": "test error"},
    seeds=20,
    setting="four layers of 64 on 1,500 digits, batches of 64, 300 steps of SGD; about 0.3 suits "
    "ReLU best; tested on 297 others",
    needs="scikit-learn",
    against={arm: f"relu at {arm.rpartition(' at ')[2]}" for arm in ARMS if "leaky" in arm},
)
