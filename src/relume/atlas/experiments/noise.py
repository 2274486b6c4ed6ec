"""Is ELU more robust to noise? Trained on clean images, tested on noisy ones."""

import torch

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import descend, error, mlp, split


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Test error under noise of one spread of the pixels, and without it."""
    x, y, far, goal = split()
    net = mlp(arm, seed, hidden=3)
    descend(net, (x, y), seed, rate=rate, steps=400)
    source = torch.Generator().manual_seed(seed)
    noise = torch.randn(far.shape, generator=source)
    return {"noisy": error(net, far + noise, goal), "clean": error(net, far, goal)}


NOISE = Experiment(
    "noise",
    "Is a network of ELUs more robust to noise than one of ReLUs?",
    measure,
    {"relu": "ReLU", "elu": "ELU", "leaky_relu": "Leaky ReLU", "tanh": "tanh"},
    {"noisy": "test error with noise on the images", "clean": "test error without noise"},
    seeds=20,
    rates=(0.1, 0.2, 0.4),
    setting="three layers of 64 on 1,500 digits, 400 steps of SGD, tested on 297 others with "
    "normal noise of one spread of the pixels",
    needs="scikit-learn",
)
