"""A unit's hyperplane over a cloud of data in two dimensions, trained by gradient descent.

The unit is f(w . x + b), trained on the mean of (f - y)^2 / 2 over the cloud by plain gradient
descent. A step of training is a control like any other.
"""

import math
from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from relume.acts.lookup import act as find
from relume.atlas.act_readings import bind_act, digits, get, matrix, size
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose
from relume.atlas.portable_random import portable_normals
from relume.cards.line_search import slope, value

LABELS = {
    "active": "share of the data on which the unit passes a gradient",
    "margin": "distance from the hyperplane to the farthest point on its open side",
    "gradient": "size of the gradient into the unit's weights",
    "loss": "loss",
    "bias": "bias",
}
COUNT = 60
TEACHER = (1.2, 0.7, 0.4)  # the unit that made the targets: two weights and a bias


def points(seed: int = 11) -> list[list[float]]:
    """Return the cloud: `COUNT` points of a standard normal, the same each time."""
    drawn = digits([*islice(portable_normals(seed), 2 * COUNT)])
    return [drawn[i : i + 2] for i in range(0, 2 * COUNT, 2)]


def targets(cloud: Sequence[Sequence[float]]) -> list[float]:
    """Return the targets, made by another ReLU unit, so that the unit can learn them."""
    w, v, b = TEACHER
    return digits([max(0.0, w * x + v * y + b) for x, y in cloud])


def cloud(
    title: str,
    says: Sequence[Say],
    *,
    acts: Sequence[str] = ("relu", "leaky_relu", "elu", "sigmoid"),
    bias: float = 1.0,
    angle: float = 150.0,
    rate: float = 0.1,
    steps: int = 0,
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure; drag the line, or its arrow, over the data."""
    controls = (
        choose("act", "act", acts[0], *acts),
        Control("bias", "bias", bias, -8, 8, 0.05),
        Control("angle", "direction of the weights", angle, -180, 180, 1, unit="°"),
        Control("rate", "learning rate", rate, 0.01, 30, 0.01),
        Control("steps", "steps of training from here", steps, 0, 100, 1),
    )
    data = points()
    x, y = matrix(data), torch.tensor(targets(data), dtype=torch.float64)

    def readings(state: State) -> dict[str, float]:
        return _read(state, x, y)

    drawing = {"points": data, "targets": targets(data), "acts": list(acts)}
    formulas = {name: find(name).formula for name in acts}
    return Figure(
        "cloud",
        title,
        controls,
        readings,
        LABELS,
        tuple(says),
        tuple(presets),
        {**drawing, "formulas": formulas},
    )


def _read(state: State, x: Tensor, y: Tensor) -> dict[str, float]:
    act = bind_act(str(state["act"]), state)
    turn = get(state, "angle") * math.pi / 180
    w = torch.tensor([math.cos(turn), math.sin(turn)], dtype=torch.float64)
    b = torch.tensor(get(state, "bias"), dtype=torch.float64)
    line, steep, rate = value(act), slope(act), get(state, "rate")
    for _ in range(int(get(state, "steps"))):
        pull, lift = _gradient(line(x @ w + b) - y, steep(x @ w + b), x)
        w, b = w - rate * pull, b - rate * lift
    pre = x @ w + b
    pull, lift = _gradient(line(pre) - y, steep(pre), x)
    return {
        "active": float((steep(pre) != 0).double().mean()),
        "margin": float(pre.max()) / size(w),
        "gradient": float(torch.sqrt((pull**2).sum() + lift**2)),
        "loss": float(((line(pre) - y) ** 2).mean() / 2),
        "bias": float(b),
    }


def _gradient(error: Tensor, steep: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    signal = error * steep  # (points,)
    return (signal[:, None] * x).mean(0), signal.mean()
