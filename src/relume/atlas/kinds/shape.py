"""Acts that shape themselves: a PReLU learns its slope, a Maxout unit learns its pieces.

Both fit points by plain gradient descent on the mean of (f - y)^2, over z from -2 to 2.
"""

import math
from collections.abc import Callable, Sequence
from itertools import islice

import torch
from torch import Tensor

from relume.acts.lookup import act as find
from relume.atlas.act_readings import digits, get
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose
from relume.atlas.portable_random import portable_normals

COUNT = 41
PRELU = {"alpha": "slope below zero now", "loss": "loss"}
MAXOUT = {
    "loss": "loss",
    "dead": "pieces that are nowhere the largest: dead",
    "parameters": "parameters of the unit",
}
CURVES: dict[str, Callable[[float], float]] = {
    "square": lambda z: z * z / 2,
    "absolute": math.fabs,
    "relu": lambda z: max(0.0, z),
    "leaky": lambda z: max(0.2 * z, z),
}


def _line() -> list[float]:
    return digits([-2 + 4 * i / (COUNT - 1) for i in range(COUNT)], 6)


def prelu(title: str, says: Sequence[Say], *, presets: Sequence[Preset] = ()) -> Figure:
    """A PReLU finds the slope that the data have below zero."""
    controls = (
        Control("start", "slope at the start", 0.25, -1, 1, 0.05),
        Control("goal", "slope of the data", -0.6, -1, 1, 0.05),
        Control("rate", "learning rate", 0.1, 0.01, 0.5, 0.01),
        Control("decay", "weight decay on the slope", 0.0, 0, 2, 0.05),
        Control("steps", "steps of training", 40, 0, 100, 1),
    )
    xs = _line()
    z = torch.tensor(xs, dtype=torch.float64)

    def readings(state: State) -> dict[str, float]:
        y = find("prelu")(z, get(state, "goal"), exact=True)
        alpha = torch.tensor(get(state, "start"), dtype=torch.float64)
        for _ in range(int(get(state, "steps"))):
            alpha = alpha.clone().requires_grad_()
            loss = ((find("prelu")(z, alpha, exact=True) - y) ** 2).mean()
            (pull,) = torch.autograd.grad(loss, alpha)
            pull = pull + get(state, "decay") * alpha.detach()
            alpha = alpha.detach() - get(state, "rate") * pull
        loss = ((find("prelu")(z, alpha, exact=True) - y) ** 2).mean()
        return {"alpha": float(alpha), "loss": float(loss)}

    data = {"xs": xs, "model": "prelu"}
    return Figure("shape", title, controls, readings, PRELU, tuple(says), tuple(presets), data)


def maxout(
    title: str,
    says: Sequence[Say],
    *,
    pieces: int = 4,
    dead: float = 0.0,
    steps: int = 200,
    presets: Sequence[Preset] = (),
) -> Figure:
    """A Maxout unit lays its pieces along a curve; `dead` starts the last piece that far below."""
    controls = (
        choose("curve", "the data", "square", *CURVES),
        Control("pieces", "pieces", pieces, 2, 6, 1),
        Control("sunk", "how far below the others the last piece starts", dead, 0, 6, 0.1),
        Control("rate", "learning rate", 0.1, 0.01, 0.5, 0.01),
        Control("steps", "steps of training", steps, 0, 300, 1),
    )
    xs = _line()
    z = torch.tensor(xs, dtype=torch.float64)
    drawn = digits([*islice(portable_normals(31), 12)])

    def readings(state: State) -> dict[str, float]:
        return _maxout(state, z, torch.tensor(drawn, dtype=torch.float64))

    data = {"xs": xs, "model": "maxout", "drawn": drawn}
    return Figure("shape", title, controls, readings, MAXOUT, tuple(says), tuple(presets), data)


def _maxout(state: State, z: Tensor, drawn: Tensor) -> dict[str, float]:
    count, rate = int(get(state, "pieces")), get(state, "rate")
    curve = CURVES[str(state["curve"])]
    y = torch.tensor([curve(float(v)) for v in z], dtype=torch.float64)
    w, b = drawn[:count].clone(), 0.1 * drawn[6 : 6 + count]
    b = torch.cat((b[:-1], b[-1:] - get(state, "sunk")))
    act = find("maxout").bind(pieces=count)
    for _ in range(int(get(state, "steps"))):
        w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
        out = act(z[:, None] * w + b)[:, 0]  # (points,)
        pull, lift = torch.autograd.grad(((out - y) ** 2).mean(), (w, b))
        w, b = w.detach() - rate * pull, b.detach() - rate * lift
    lines = z[:, None] * w + b  # (points, pieces)
    best = lines.argmax(1)
    loss = ((lines.max(1).values - y) ** 2).mean()
    dead = count - len({int(p) for p in best})
    return {"loss": float(loss), "dead": float(dead), "parameters": 2.0 * count}
