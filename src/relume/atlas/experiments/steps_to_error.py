"""AlexNet's figure 1, at the size of 8 by 8 digits: how many steps to a training error."""

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import convnet, split, steps_to

ACTS = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "leaky_relu": "Leaky ReLU"} | {
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
}
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SETTING = (
    "a convnet of three convolutions and a layer of 64 on 1,500 digits of 8 by 8 pixels, batches "
    "of 64, SGD with momentum 0.9"
)


def quarter(seed: int, arm: str, rate: float) -> Outcome:
    """Steps until at most 25 % of the training images are wrong; given up after 300."""
    return {"steps": _steps(seed, arm, rate, goal=0.25, most=300, every=1)}


def fiftieth(seed: int, arm: str, rate: float) -> Outcome:
    """Steps until at most 2 % of the training images are wrong; given up after 800."""
    return {"steps": _steps(seed, arm, rate, goal=0.02, most=800, every=5)}


def _steps(seed: int, arm: str, rate: float, *, goal: float, most: int, every: int) -> float | None:
    x, y, _, _ = split()
    net = convnet(arm, seed)
    (found,) = steps_to(
        net, (x, y), seed, rate=rate, goals=(goal,), most=most, every=every, momentum=0.9
    )
    return found


STEPS_TO_ERROR = Experiment(
    "steps-to-error",
    "How many steps until only a quarter of the training images are wrong, as in AlexNet's figure?",
    quarter,
    ACTS,
    {"steps": "steps to 25 % training error"},
    rates=RATES,
    unit="steps",
    setting=f"{SETTING}, looked at after every step",
    needs="scikit-learn",
)

STEPS_TO_SMALL_ERROR = Experiment(
    "steps-to-small-error",
    "And until only a fiftieth are wrong?",
    fiftieth,
    ACTS,
    {"steps": "steps to 2 % training error"},
    rates=RATES,
    unit="steps",
    setting=f"{SETTING}, looked at every 5 steps",
    needs="scikit-learn",
)
