"""Reads the step that raised: what the criterion was given, and the forward that led to it.

A step that fails in its forward pass or in its criterion calls no backward, so nothing of it was
read. The traceback of the exception still holds the tensors of every frame: the arguments of the
criterion, and the output whose graph is the forward.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from relume.instrument.module_names import is_user_code

CRITERIA = {
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits",
    "cross_entropy": "cross_entropy",
    "nll_loss": "nll",
    "mse_loss": "mse",
    "l1_loss": "l1",
    "smooth_l1_loss": "smooth_l1",
    "huber_loss": "huber",
    "kl_div": "kl_div",
}
"""Functions of `torch.nn.functional` by the name of the criterion that each computes."""

MOST_FRAMES = 64  # innermost frames that are searched
MOST_ELEMENTS = 1 << 22  # of a tensor that is read: the program has ended and nobody waits
FUNCTIONAL = str(Path("torch", "nn", "functional.py"))
INSIDE = (FUNCTIONAL, str(Path("torch", "nn", "modules", "module.py")))


@dataclass(slots=True)
class FailedStep:
    """What the frames of an exception hold.

    Attributes:
        data: the fact's data (see `core.Trace`).
        output: the latest tensor that the forward had computed; None where no frame holds one.
        target: what the criterion was to compare it with.
        raised: whether a module or a criterion raised: an exception of the program's own is no
            matter of the step.
        given: the criterion's arguments.
    """

    data: dict[str, Any]
    output: Tensor | None = None
    target: Tensor | None = None
    raised: bool = False
    given: list[tuple[str, Tensor]] = field(default_factory=list[tuple[str, Tensor]])


def failed_step(error: BaseException) -> FailedStep | None:
    """Read the frames of an exception; None where no frame holds a tensor of a forward pass."""
    frames = list(_frames(error))[-MOST_FRAMES:]
    place = next(((f, n) for f, n in reversed(frames) if is_user_code(f.f_code.co_filename)), None)
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    data: dict[str, Any] = {
        "error": text,
        "loss": "",
        "call": "",
        "given": [],
        "file": "",
        "line": 0,
    }
    if place is not None:
        data |= {"file": str(Path(place[0].f_code.co_filename)), "line": place[1]}
    step = FailedStep(data, raised=any(f.f_code.co_filename.endswith(INSIDE) for f, _ in frames))
    for frame, _ in reversed(frames):
        _read_frame(step, frame)
        if step.output is not None:
            break
    if step.output is None and not step.given:
        return None
    data["given"] = [_numbers(name, tensor) for name, tensor in step.given]
    return step


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _read_frame(step: FailedStep, frame: FrameType) -> None:
    names, code = dict(frame.f_locals), frame.f_code
    loss = CRITERIA.get(code.co_name) if code.co_filename.endswith(FUNCTIONAL) else None
    if loss is not None and not step.data["loss"]:
        step.data |= {"loss": loss, "call": code.co_name}
        pairs = [("input", names.get("input")), ("target", names.get("target"))]
        step.given = [(name, value) for name, value in pairs if isinstance(value, Tensor)]
        step.target = next((value for name, value in step.given if name == "target"), None)
    computed = [
        (v.grad_fn._sequence_nr(), v)
        for v in names.values()
        if isinstance(v, Tensor) and v.grad_fn is not None
    ]
    latest = max(computed, key=lambda pair: pair[0], default=None)
    step.output = None if latest is None else latest[1]


def _numbers(name: str, tensor: Tensor) -> dict[str, Any]:
    """The shape, type and range of a tensor, and how much of it is not finite."""
    rows = tensor.detach().reshape(-1)[:MOST_ELEMENTS]
    kind = str(tensor.dtype).removeprefix("torch.")
    data: dict[str, Any] = {"name": name, "shape": list(tensor.shape), "type": kind}
    if not rows.numel() or rows.is_complex():
        return data
    good = rows[torch.isfinite(rows)] if rows.is_floating_point() else rows
    data["share"] = 1 - good.numel() / rows.numel()
    if good.numel():
        data |= {"min": float(good.min()), "max": float(good.max())}
    return data
