"""Many random units over one cloud: which are born dead, which stay linear, which bend."""

import math
from collections.abc import Sequence
from itertools import islice

from relume.atlas.act_readings import digits, get, matrix
from relume.atlas.figure import Control, Figure, Preset, Say, State
from relume.atlas.kinds.cloud import points
from relume.atlas.portable_random import portable_normals

UNITS = 120
LABELS = {
    "dead": "units below zero on all the data: dead",
    "straight": "units above zero on all the data: they bend nothing",
    "working": "units that are open on some of the data and shut on the rest",
}


def birth(
    title: str,
    says: Sequence[Say],
    *,
    bias: float = 0.0,
    offset: float = 0.0,
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure: weights from N(0, 1), one bias for all, a cloud that can be moved off centre."""
    controls = (
        Control("bias", "bias of every unit at the start", bias, -6, 6, 0.05),
        Control("offset", "distance of the data from zero", offset, 0, 6, 0.05),
        Control("scale", "scale of the weights", 1.0, 0.05, 2, 0.05),
    )
    data = points()
    drawn = digits([*islice(portable_normals(5), 2 * UNITS)])
    units = [drawn[i : i + 2] for i in range(0, 2 * UNITS, 2)]
    x, w = matrix(data), matrix(units)

    def readings(state: State) -> dict[str, float]:
        moved = x + get(state, "offset") / math.sqrt(2)
        pre = get(state, "scale") * w @ moved.T + get(state, "bias")  # (units, points)
        dead = int((pre <= 0).all(1).sum())
        straight = int((pre > 0).all(1).sum())
        return {"dead": dead, "straight": straight, "working": UNITS - dead - straight}

    drawing = {"points": data, "units": units}
    return Figure("birth", title, controls, readings, LABELS, tuple(says), tuple(presets), drawing)
