"""Probes of a model on one batch: layers made in forward, rows that mix, a batch not learned.

Each returns a fact, or None where it does not apply. They run on the model as `check` holds it
(restored afterwards), `learns_batch` on a copy.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
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

    The first, the middle and the last row are changed in turn, since what runs along the batch
    (a recurrent layer that takes it for time) hands on in one direction only. The model is asked in
    evaluation mode, so that batch norm and dropout say nothing.
    """
    if batch.rows < 2:
        return None
    before = _outputs(model, batch)
    seen, worst = False, (0.0, "")
    for at in sorted({0, batch.rows // 2, batch.rows - 1}):
        found = _compare(before, _outputs(model, _with_row(batch, at)), at, batch.rows)
        seen |= found is not None
        worst = max(worst, found or worst)
    if not seen:
        return None
    change, layer = worst
    second = change > NOISE and _is_second_axis(model, batch, before)
    data = {"change": change, "layer": layer, "rows": batch.rows, "second_axis": second}
    return Fact("probe", "rows", 0, data)


def _outputs(model: nn.Module, batch: Batch) -> list[tuple[str, Tensor]]:
    """Return the modules' outputs in evaluation mode, in the order in which they end."""
    was_training, outputs, handles = model.training, list[tuple[str, Tensor]](), list[Any]()
    try:
        model.eval()
        modules = cast("Iterator[tuple[str, nn.Module]]", model.named_modules())
        handles += [module.register_forward_hook(_keep(path, outputs)) for path, module in modules]
        torch.manual_seed(0)
        model(*batch.args, **batch.named)
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    return outputs


def _keep(path: str, outputs: list[tuple[str, Tensor]]) -> Callable[..., None]:
    """A forward hook that keeps a module's output."""

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        outputs.extend((path, x.detach()) for x in differentiable_outputs(output)[:1])

    return hook


def _with_row(batch: Batch, at: int, axis: int = 0) -> Batch:
    """The same batch with one of its rows replaced by another one that is not equal to it."""
    size = batch.rows if axis == 0 else None

    def changed(value: Any) -> Any:
        if not isinstance(value, Tensor) or value.dim() <= axis:
            return value
        if value.shape[axis] != (size or value.shape[axis]):
            return value  # a mask of another length: it has no rows
        rows = value.detach().clone().movedim(axis, 0)
        apart = (rows != rows[at]).reshape(len(rows), -1).any(1).nonzero().flatten()
        other = rows[apart[0] if apart.numel() else at].clone()
        rows[at] = other + 1 if value.is_floating_point() else other
        return rows.movedim(0, axis)

    args = tuple(changed(value) for value in batch.args)
    return Batch(args, {key: changed(value) for key, value in batch.named.items()}, rows=batch.rows)


def _is_second_axis(model: nn.Module, batch: Batch, before: Sequence[tuple[str, Tensor]]) -> bool:
    """Whether rows lie on the second axis (time first): it stays, and nothing mixes along it."""
    given = next((x for x in (*batch.args, *batch.named.values()) if isinstance(x, Tensor)), None)
    output = next((x for path, x in reversed(before) if path == ""), None)
    if given is None or output is None or given.shape[1:2] != output.shape[1:2]:
        return False
    count = int(given.shape[1]) if given.dim() > 1 else 0
    for at in {0, count // 2, count - 1} if count > 1 else ():
        after = _outputs(model, _with_row(batch, at, axis=1))
        turned = [[(p, x.movedim(1, 0)) for p, x in ys if p == ""] for ys in (before, after)]
        found = _compare(turned[0], turned[1], at, count)
        if found is None or found[0] > NOISE:
            return False
    return count > 1


def _compare(
    before: Sequence[tuple[str, Tensor]], after: Sequence[tuple[str, Tensor]], at: int, rows: int
) -> tuple[float, str] | None:
    """How far the other rows of the model's output change, and the first layer where they do."""
    worst, first = None, ""
    for (path, one), (_, other) in zip(before, after, strict=False):
        if one.shape != other.shape or not one.dim() or one.shape[0] != rows:
            continue
        apart = (one - other).abs().nan_to_num(0.0).reshape(rows, -1).amax(1)  # (rows,)
        apart[at] = 0
        size = float(one.abs().max())
        change = float(apart.max()) / size if size > 0 else 0.0
        first = first or (path if change > NOISE else "")
        worst = change if path == "" else worst
    return None if worst is None else (worst, first if worst > NOISE else "")


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
