"""A net of any depth fits points on a curve: a straight line until an act bends it."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from relume.acts.lookup import act as find
from relume.atlas.act_readings import digits, get
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose
from relume.atlas.net import loss_of, straight_net, train

WIDTH, SEED, RATE, COUNT = 8, 3, 0.01, 41
LABELS = {
    "bend": "largest distance of the net from a straight line",
    "loss": "loss of the net",
    "line": "loss of the best straight line",
}


def target(z: float) -> float:
    """Return the curve to fit: a line with a wave on it."""
    return math.sin(2 * z) + 0.3 * z


def fit(
    title: str,
    says: Sequence[Say],
    *,
    act: str = "relu",
    layers: int = 20,
    bends: int = 0,
    steps: int = 300,
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure: points, the net's line, and the best straight line."""
    controls = (
        Control("layers", "hidden layers", layers, 1, 20, 1),
        Control("bends", "of these with an act", bends, 0, 20, 1),
        choose("act", "act", act, "relu", "tanh", "leaky_relu", "gelu", "identity"),
        Control("steps", "steps of training", steps, 0, 300, 10),
    )
    xs = digits([-2 + 4 * i / (COUNT - 1) for i in range(COUNT)], 6)
    ys = digits([target(z) for z in xs], 6)

    def readings(state: State) -> dict[str, float]:
        return _read(state, torch.tensor([xs], dtype=torch.float64).T, ys)

    drawing = {"xs": xs, "ys": ys, "width": WIDTH, "seed": SEED, "rate": RATE}
    return Figure("fit", title, controls, readings, LABELS, tuple(says), tuple(presets), drawing)


def _read(state: State, x: Tensor, ys: Sequence[float]) -> dict[str, float]:
    y = torch.tensor([ys], dtype=torch.float64).T
    layers, bends = int(get(state, "layers")), int(get(state, "bends"))
    act = find(str(state["act"]))
    acts = [act if at < bends else None for at in range(layers)]
    net = straight_net(WIDTH, layers, acts, SEED)
    net = train(net, x, y, int(get(state, "steps")), rate=RATE, how="mse adam")
    out = net.pres(x)[-1]
    chord = out[0] + (out[-1] - out[0]) * (x - x[0]) / (x[-1] - x[0])
    rows = torch.cat((x, torch.ones_like(x)), 1)
    algebra: Any = torch.linalg  # torch ships it without types
    best: Tensor = rows @ (algebra.pinv(rows) @ y)
    return {
        "bend": float((out - chord).abs().max()),
        "loss": float(loss_of(out, y, "mse")),
        "line": float(loss_of(best, y, "mse")),
    }
