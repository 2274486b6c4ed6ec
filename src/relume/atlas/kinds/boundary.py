"""A small net learns to tell two classes apart, live: its boundary, its units, the dead ones.

Two hidden layers or one; all data in every step. The view says what is drawn besides the classes:
``"classes"`` nothing, ``"gates"`` the lines of the first layer's units and which of them a sample
passes, ``"deaths"`` loss and dead units over the steps.
"""

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from relume.acts.lookup import act as find
from relume.atlas.act_readings import digits, get, matrix
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose
from relume.atlas.net import FigureNet, loss_of, random_net, train
from relume.atlas.portable_random import portable_normals

GAIN = math.sqrt(2)
SEED = 9
LABELS = {
    "accuracy": "share of the points that are classified correctly",
    "loss": "loss",
    "dead": "units that are dead on all the points",
}
DEATHS = {"born": "units that were dead at the start"}
GATES = {"passing": "units that pass the sample at the cross"}


def spiral(count: int = 60, turns: float = 1.25) -> tuple[list[list[float]], list[float]]:
    """Return two arms that wind around each other: points in [-1.1, 1.1]^2 and 0 or 1 for each."""
    noise = portable_normals(4)
    points, labels = list[list[float]](), list[float]()
    for label in (0, 1):
        for i in range(count):
            radius = 0.12 + 0.9 * i / count
            turn = 2 * math.pi * turns * i / count + math.pi * label
            jitter = [0.03 * v for v in islice(noise, 2)]
            spot = [radius * math.cos(turn) + jitter[0], radius * math.sin(turn) + jitter[1]]
            points.append(digits(spot))
            labels.append(float(label))
    return points, labels


def moons(count: int = 40) -> tuple[list[list[float]], list[float]]:
    """Return two half circles that reach into each other."""
    noise = portable_normals(14)
    points, labels = list[list[float]](), list[float]()
    for label in (0, 1):
        for i in range(count):
            turn = math.pi * i / (count - 1)
            side = 1 - 2 * label
            jitter = [0.06 * v for v in islice(noise, 2)]
            x = 0.7 * side * math.cos(turn) + 0.35 * (2 * label - 1) + jitter[0]
            y = 0.7 * side * math.sin(turn) - 0.18 * side + jitter[1]
            points.append(digits([x, y]))
            labels.append(float(label))
    return points, labels


DATA = {"spiral": spiral, "moons": moons}


def boundary(
    title: str,
    says: Sequence[Say],
    *,
    data: str = "spiral",
    view: str = "classes",
    act: str = "relu",
    acts: Sequence[str] = ("relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "identity"),
    width: int = 16,
    hidden: int = 2,
    rate: float = 0.02,
    most_rate: float = 0.2,
    steps: int = 400,
    most: int = 600,
    bias: float | None = None,
    how: str = "bce adam",
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure. More parameters than a function should have: each is a control's start."""
    controls = [
        choose("act", "act", act, *acts),
        Control("width", "units in a layer", width, 1, 24, 1),
        Control("rate", "learning rate", rate, most_rate / 200, most_rate, most_rate / 200),
        Control("steps", "steps of training", steps, 0, most, 10 if most > 200 else 1),
    ]
    if bias is not None:
        controls.append(Control("bias", "bias at the start", bias, -2, 2, 0.05))
    if view == "gates":
        controls.append(Control("px", "the sample, across", 0.4, -1.2, 1.2, 0.02))
        controls.append(Control("py", "the sample, up", 0.2, -1.2, 1.2, 0.02))
    points, labels = DATA[data]()
    x, y = matrix(points), torch.tensor([labels], dtype=torch.float64).T

    def readings(state: State) -> dict[str, float]:
        numbers = _read(net_at(state, hidden, x, y, how), state, x, y, view)
        if view == "deaths":
            numbers["born"] = float(net_at({**state, "steps": 0}, hidden, x, y, how).dead(x))
        return numbers

    words = {**LABELS, **{"gates": GATES, "deaths": DEATHS}.get(view, {})}
    drawing: dict[str, Any] = {"points": points, "labels": labels, "view": view, "hidden": hidden}
    return Figure(
        "boundary",
        title,
        tuple(controls),
        readings,
        words,
        tuple(says),
        tuple(presets),
        {**drawing, "seed": SEED, "gain": GAIN, "how": how},
    )


def net_at(state: State, hidden: int, x: Tensor, y: Tensor, how: str) -> FigureNet:
    """Return the net at the state's step."""
    width = int(get(state, "width"))
    net = random_net(
        [2, *[width] * hidden, 1],
        find(str(state["act"])),
        SEED,
        gain=GAIN,
        bias=float(state.get("bias", 0.0)),
    )
    return train(net, x, y, int(get(state, "steps")), rate=get(state, "rate"), how=how)


def _read(net: FigureNet, state: State, x: Tensor, y: Tensor, view: str) -> dict[str, float]:
    out = net.pres(x)[-1]
    numbers = {
        "accuracy": float(((out > 0) == (y > 0.5)).double().mean()),
        "loss": float(loss_of(out, y, "bce")),
        "dead": float(net.dead(x)),
    }
    if view == "gates":
        probe = matrix([[get(state, "px"), get(state, "py")]])
        numbers["passing"] = float((net.pres(probe)[0] > 0).sum())
    return numbers
