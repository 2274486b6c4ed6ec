"""An output head under a loss: what the loss and its slope are for every pre of the last layer.

With more classes, z is the logit of the true class and the others are 0.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from relume.atlas.act_readings import get
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose

CLASSES = 3
LABELS = {
    "output": "what the head gives",
    "loss": "loss",
    "slope": "gradient of the loss on z",
    "least": "least loss that any z reaches",
}
Loss = Callable[[Tensor, float], tuple[Tensor, Tensor]]
"""From z and the target to the head's output and the loss."""


def _bce(logit: Tensor, target: float) -> Tensor:
    goal = torch.full_like(logit, target)
    return functional.binary_cross_entropy_with_logits(logit, goal, reduction="none")


def _cross(logits: Tensor) -> Tensor:
    return functional.cross_entropy(
        logits, torch.zeros(len(logits), dtype=torch.long), reduction="none"
    )


def _classes(z: Tensor) -> Tensor:
    return functional.pad(z[:, None], (0, CLASSES - 1))  # (points, classes)


def _sigmoid(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(z), _bce(z, t)


def _sigmoid_twice(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(z), _bce(torch.sigmoid(z), t)


def _sigmoid_square(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(z), (torch.sigmoid(z) - t) ** 2


def _softmax(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    return torch.softmax(_classes(z), 1)[:, 0], _cross(_classes(z))


def _softmax_twice(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    p = torch.softmax(_classes(z), 1)
    return p[:, 0], _cross(p)


def _identity(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    return z, (z - t) ** 2


def _relu(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    return torch.relu(z), (torch.relu(z) - t) ** 2


def _tanh(z: Tensor, t: float) -> tuple[Tensor, Tensor]:
    return torch.tanh(z), (torch.tanh(z) - t) ** 2


HEADS: dict[str, tuple[str, Loss]] = {
    "sigmoid": ("sigmoid, cross-entropy on logits", _sigmoid),
    "sigmoid_twice": ("sigmoid, then cross-entropy on logits: a sigmoid twice", _sigmoid_twice),
    "sigmoid_square": ("sigmoid, squared error", _sigmoid_square),
    "softmax": ("softmax of 3 classes, cross-entropy on logits", _softmax),
    "softmax_twice": ("softmax, then cross-entropy on logits: a softmax twice", _softmax_twice),
    "identity": ("identity, squared error", _identity),
    "relu": ("ReLU, squared error", _relu),
    "tanh": ("tanh, squared error", _tanh),
}


def head(
    title: str,
    says: Sequence[Say],
    *,
    heads: Sequence[str] = tuple(HEADS),
    z: float = -4.0,
    target: float = 1.0,
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure: the loss over z, its slope, and the point z."""
    labels = {name: HEADS[name][0] for name in heads}
    controls = (
        choose("head", "head and loss", heads[0], **labels),
        Control("z", "z, the pre of the head", z, -8, 8, 0.1),
        Control("target", "target", target, -2, 2, 0.1),
    )
    drawing = {"heads": list(heads)}
    return Figure("head", title, controls, _read, LABELS, tuple(says), tuple(presets), drawing)


def _read(state: State) -> dict[str, float]:
    loss = HEADS[str(state["head"])][1]
    z = torch.tensor([get(state, "z")], dtype=torch.float64, requires_grad=True)
    target = get(state, "target")
    if str(state["head"]).startswith("s"):
        target = 1.0 if target >= 0.5 else 0.0  # a class: 0 or 1
    out, value = loss(z, target)
    (slope,) = torch.autograd.grad(value.sum(), z)
    grid = torch.linspace(-40, 40, 8001, dtype=torch.float64)
    return {
        "output": float(out.detach()),
        "loss": float(value.detach()),
        "slope": float(slope) + 0.0,
        "least": float(loss(grid, target)[1].min()),
    }
