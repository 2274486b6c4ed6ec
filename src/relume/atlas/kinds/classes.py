"""Three logits, their softmax, the loss and its gradient; the softmax once, or by mistake twice."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from relume.atlas.act_readings import get
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose

LABELS = {
    "p0": "probability of class A",
    "p1": "probability of class B",
    "p2": "probability of class C",
    "sum": "sum of the three",
    "loss": "loss when A is true",
    "pull": "gradient of the loss on A's logit",
}


def classes(title: str, says: Sequence[Say], *, presets: Sequence[Preset] = ()) -> Figure:
    """The figure; A is the true class."""
    controls = (
        Control("a", "logit of A", 2.0, -10, 10, 0.1),
        Control("b", "logit of B", 1.0, -10, 10, 0.1),
        Control("c", "logit of C", -1.0, -10, 10, 0.1),
        Control("heat", "temperature", 1.0, 0.1, 5, 0.1),
        choose("twice", "softmax before the loss", "no", "no", yes="yes, a softmax too many"),
    )
    return Figure("classes", title, controls, _read, LABELS, tuple(says), tuple(presets))


def _read(state: State) -> dict[str, float]:
    rows = [[get(state, name) for name in "abc"]]
    z = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    p = torch.softmax(z / get(state, "heat"), 1)
    loss_input = p if state["twice"] == "yes" else z / get(state, "heat")
    loss = functional.cross_entropy(loss_input, torch.tensor([0]))
    (pull,) = torch.autograd.grad(loss, z)
    one, two, three = (float(v) for v in p.detach()[0])
    return {
        "p0": one,
        "p1": two,
        "p2": three,
        "sum": one + two + three,
        "loss": float(loss.detach()),
        "pull": float(pull[0, 0]),
    }
