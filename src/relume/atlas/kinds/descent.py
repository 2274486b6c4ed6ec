"""The path of two weights down an error surface, with inputs that are centred or not.

One linear unit w . x learns y = w* . x from 40 samples by gradient descent on the mean of
(w . x - y)^2 / 2, at the best rate for these inputs, 2 over the sum of the curvatures, so that no
path is slow for a bad rate. The inputs are the outputs of a layer before it.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor

from relume.acts.lookup import act as find
from relume.atlas.act_readings import digits, get, matrix, size
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose
from relume.atlas.portable_random import portable_normals
from relume.cards.line_search import value

COUNT = 40
GOAL = (0.8, -0.8)
START = (-1.2, -0.2)
CLOSE = 0.01
"""Share of the first distance from the goal at which the weights have arrived."""
MOST = 2_000
"""Steps after which the weights count as not arrived."""
LABELS = {
    "same_sign": "samples whose two weight gradients have one sign",
    "condition": "steepest over flattest direction of the error surface",
    "arrives": "steps until within 1 % of the goal",
    "distance": "distance from the goal now",
}


def descent(
    title: str,
    says: Sequence[Say],
    *,
    act: str = "identity",
    offset: float = 3.0,
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure: contours, the path so far, and the path with centred inputs beside it."""
    controls = (
        Control("offset", "mean of the inputs, in their spreads", offset, -6, 6, 0.1),
        choose("act", "act of the layer before", act, "identity", "sigmoid", "tanh", "relu"),
        Control("pace", "learning rate, of the best one", 1.0, 0.05, 1.2, 0.05),
        choose("mode", "gradient of", "all", all="all samples", one="one sample after another"),
        Control("steps", "steps", 30, 0, 200, 1),
    )
    drawn = digits([*islice(portable_normals(23), 2 * COUNT)])
    raw = [drawn[i : i + 2] for i in range(0, 2 * COUNT, 2)]
    z = matrix(raw)
    z = (z - z.mean(0)) / z.std(0, unbiased=False)
    raw = [
        digits(row, 6) for row in cast("list[list[float]]", cast(Any, z).tolist())
    ]  # the page starts from these

    def readings(state: State) -> dict[str, float]:
        return _read(state, matrix(raw))

    drawing = {"points": raw, "goal": GOAL, "start": START, "close": CLOSE, "most": MOST}
    return Figure(
        "descent", title, controls, readings, LABELS, tuple(says), tuple(presets), drawing
    )


def _read(state: State, raw: Tensor) -> dict[str, float]:
    x = value(find(str(state["act"])))(raw + get(state, "offset"))  # (samples, 2)
    goal, start = (torch.tensor(p, dtype=torch.float64) for p in (GOAL, START))
    algebra: Any = torch.linalg  # torch ships it without types
    steep: Tensor = algebra.eigvalsh(x.T @ x / len(x))
    pace, single = get(state, "pace"), state["mode"] == "one"
    rate = pace / float((x**2).sum(1).max()) if single else 2 * pace / float(steep.sum())
    weights, first, steps = start, size(start - goal), int(get(state, "steps"))
    arrives, distance = MOST, first
    for step in range(MOST + 1):
        gap = size(weights - goal)
        if step == steps:
            distance = gap
        if gap <= CLOSE * first and arrives == MOST:
            arrives = step
        if arrives < MOST and step >= steps:
            break
        rows = x[step % len(x)][None] if single else x
        weights = weights - rate * rows.T @ (rows @ (weights - goal)) / len(rows)
    pulls = (x @ (start - goal))[:, None] * x  # (samples, 2): the gradients at the start
    same = (pulls[:, 0] * pulls[:, 1] > 0).double().mean()
    return {
        "same_sign": float(same),
        "condition": float(steep[-1] / steep[0]),
        "arrives": float(arrives),
        "distance": distance,
    }
