"""Probes of a model on one batch: layers made in forward, rows that mix, a batch not learned.

Each returns a fact, or None where it does not apply. They run on the model as `check` holds it
(restored afterwards), `learns_batch` on a copy.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from relume.checks.batches import Batch, differentiable_outputs
from relume.core import Fact
from relume.record.graph.autograd_graph import walk

Loss = Callable[[Any, Any], Tensor]

STEPS = 200  # of Adam on one batch
RATES = (1e-3, 1e-2)  # of Adam; the better one counts
NOISE = 1e-4  # of the output's size: rounding, which may change with the other rows of a product


def remade_layers(model: nn.Module, batch: Batch, loss: Loss) -> Fact | None:
    """Layers that are new in each forward: parameters of the loss that the model does not hold."""
    own = set(map(id, model.parameters()))
    passes: list[list[Tensor]] = []
    for _ in range(2):  # both kept alive, so that no address is used twice
        made = loss(model(*batch.args, **batch.named), batch.target)
        leaves = [] if made.grad_fn is None else walk(made.grad_fn).leaves
        passes.append([x for x in leaves if isinstance(x, nn.Parameter) and id(x) not in own])
    first, second = passes
    again = [x for x in second if not any(x is y for y in first)]
    if not first or [x.shape for x in again] != [x.shape for x in first]:
        return None
    shapes = ", ".join("x".join(map(str, x.shape)) for x in again)
    data = {"what": "remade", "times": 1, "leaves": len(again), "shapes": shapes}
    return Fact("wiring", "remade", 0, data | {"file": "", "line": 0})


def rows_apart(model: nn.Module, batch: Batch) -> Fact | None:
    """Whether the output of a row depends on other rows: one is changed, the others are compared.

    The model is asked in evaluation mode, so that batch norm and dropout say nothing.
    """
    if batch.rows < 2:
        return None
    kept: list[list[tuple[str, Tensor]]] = []
    was_training = model.training
    handles: list[Any] = []
    try:
        model.eval()
        for changed in (False, True):
            outputs: list[tuple[str, Tensor]] = []
            modules = cast("Iterator[tuple[str, nn.Module]]", model.named_modules())
            handles = [
                module.register_forward_hook(_keep(path, outputs)) for path, module in modules
            ]
            torch.manual_seed(0)
            model(*[_changed(x) if changed else x for x in batch.args], **batch.named)
            kept.append(outputs)
            for handle in handles:
                handle.remove()
            handles = []
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    return _compare(*kept, rows=batch.rows)


def _keep(path: str, outputs: list[tuple[str, Tensor]]) -> Callable[..., None]:
    """A forward hook that keeps a module's output."""

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        outputs.extend((path, x.detach()) for x in differentiable_outputs(output)[:1])

    return hook


def _changed(value: Any) -> Any:
    """The same with its last row replaced by the one before."""
    if not isinstance(value, Tensor) or not value.dim() or value.shape[0] < 2:
        return value
    other = value.detach().clone()
    other[-1] = other[0] + 1 if value.is_floating_point() else other[0]
    return other


def _compare(
    before: list[tuple[str, Tensor]], after: list[tuple[str, Tensor]], *, rows: int
) -> Fact | None:
    seen, worst, first = 0, 0.0, ""
    for (path, one), (_, other) in zip(before, after, strict=False):
        if one.shape != other.shape or not one.dim() or one.shape[0] != rows:
            continue
        size = float(one.abs().max())
        apart = float((one[:-1] - other[:-1]).abs().max()) / size if size > 0 else 0.0
        seen += path == ""
        if apart > NOISE and (not first or path == ""):
            worst, first = (apart, first or path) if path == "" else (worst, path)
    if not seen:
        return None
    return Fact("probe", "rows", 0, {"change": worst, "layer": first, "rows": rows})


def learns_batch(model: nn.Module, batch: Batch, loss: Loss) -> Fact | None:
    """How far the loss of this one batch falls in 200 steps of Adam, at the better of two rates."""
    best: tuple[float, float] | None = None
    for rate in RATES:
        tried = copy.deepcopy(model)
        optimizer = torch.optim.Adam([p for p in tried.parameters() if p.requires_grad], rate)
        losses: list[float] = []
        for _ in range(STEPS):
            optimizer.zero_grad()
            value = loss(tried(*batch.args, **batch.named), batch.target)
            value.backward()
            optimizer.step()
            losses.append(float(value.detach()))
        if best is None or not losses[-1] >= best[1]:
            best = losses[0], losses[-1]
    if best is None:
        return None
    return Fact("probe", "overfit", 0, {"start": best[0], "end": best[1], "steps": STEPS})
