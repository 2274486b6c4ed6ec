"""AlexNet's figure 1, at the size of 8 by 8 digits: how many steps to a training error."""

from relume.atlas.experiment import Experiment, Outcome
from relume.atlas.experiments._digits import convnet, split, steps_to

MOST = 800


def measure(seed: int, arm: str, rate: float) -> Outcome:
    """Steps of SGD with momentum until 25 % and until 2 % of the training images are wrong."""
    x, y, _, _ = split()
    some, few = steps_to(
        convnet(arm, seed), (x, y), seed, rate=rate, goals=(0.25, 0.02), most=MOST, momentum=0.9
    )
    return {"some": some, "few": few}


STEPS_TO_ERROR = Experiment(
    "steps-to-error",
    "How many steps until a quarter, and until a fiftieth, of the training images are wrong?",
    measure,
    {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "leaky_relu": "Leaky ReLU"}
    | {"elu": "ELU", "gelu": "GELU", "silu": "SiLU"},
    {"some": "steps to 25 % training error", "few": "steps to 2 % training error"},
    rates=(0.003, 0.01, 0.03, 0.1, 0.3),
    unit="steps",
    setting="a convnet of three convolutions and a layer of 64 on 1,500 digits of 8 by 8 pixels, "
    "batches of 64, SGD with momentum 0.9, at most 800 steps, looked at every 5",
    needs="scikit-learn",
)
