"""Signal and gradient through many random layers: the theory of wide nets, and one small real net.

Theory: with weights from N(0, g^2 / width) the pre's mean square goes q -> g^2 E f(sqrt q z)^2, and
a gradient's mean square grows by chi = g^2 E f'(sqrt q z)^2 a layer on its way back, z ~ N(0, 1).
The real net is drawn anew for each act and gain; its gradient starts as noise at the last pre.
"""

import math
from collections.abc import Generator, Sequence
from itertools import islice

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.acts.gain import gain as keeping
from relume.acts.lookup import act as find
from relume.atlas.act_readings import get, size, square_of
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose
from relume.atlas.portable_random import portable_normals
from relume.cards.line_search import slope, value

WIDTH, SAMPLES, SEED = 32, 8, 77
ACTS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "identity")
LABELS = {
    "gradient": "gradient at the first layer over that at the last, power of ten",
    "measured": "the same in a real net of 32 units a layer",
    "signal": "signal at the last layer over that at the first, power of ten",
    "per_layer": "factor a layer on the gradient",
    "keeps": "gain that keeps the signal for this act",
}


def depth(
    title: str,
    says: Sequence[Say],
    *,
    act: str = "sigmoid",
    gain: float = 1.0,
    layers: int = 20,
    acts: Sequence[str] = ACTS,
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure: gradient and signal against the layer, on a scale of powers of ten."""
    controls = (
        choose("act", "act", act, *acts),
        Control("gain", "gain of the initial weights", gain, 0.2, 12, 0.01),
        Control("layers", "layers", layers, 2, 40, 1),
    )
    return Figure(
        "depth",
        title,
        controls,
        readings,
        LABELS,
        tuple(says),
        tuple(presets),
        {"acts": list(acts), "width": WIDTH, "samples": SAMPLES, "seed": SEED}
        | {"keeps": {name: keeping(name) for name in acts}},
    )


def readings(state: State) -> dict[str, float]:
    """Theory and the real net at a state."""
    act, g, layers = find(str(state["act"])), get(state, "gain"), int(get(state, "layers"))
    square, back, factor = 1.0, 0.0, 1.0
    for _ in range(layers - 1):
        factor = g * g * square_of(act, math.sqrt(square), slopes=True)
        back += math.log10(factor) if factor > 0 else -math.inf
        square = g * g * square_of(act, math.sqrt(square))
    return {
        "gradient": back / 2,
        "measured": _measured(act, g, layers),
        "signal": math.log10(square) / 2,
        "per_layer": math.sqrt(factor),
        "keeps": keeping(act),
    }


def _measured(act: Act, g: float, layers: int) -> float:
    source = portable_normals(SEED)
    pre = _drawn(source, WIDTH, SAMPLES)
    pres, weights = [pre], list[Tensor]()
    for _ in range(layers - 1):
        weights.append(_drawn(source, WIDTH, WIDTH) * (g / math.sqrt(WIDTH)))
        pres.append(weights[-1] @ value(act)(pres[-1]))
    back = last = _drawn(source, WIDTH, SAMPLES)
    for z, w in zip(reversed(pres[:-1]), reversed(weights), strict=True):
        back = (w.T @ back) * slope(act)(z)
    ratio = size(back) / size(last)
    return math.log10(ratio) if ratio > 0 else -math.inf


def _drawn(source: Generator[float], rows: int, columns: int) -> Tensor:
    numbers = [*islice(source, rows * columns)]
    return torch.tensor(numbers, dtype=torch.float64).reshape(rows, columns)
