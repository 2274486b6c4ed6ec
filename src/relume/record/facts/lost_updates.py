"""Reads what is left of an update: entries with a gradient that stay the same bit by bit, and how
far an optimiser's eps exceeds the size of the gradient."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from relume.core import Fact
from relume.record.facts.fact_audit import FactAudit
from relume.record.measure.dtensor import is_sharded
from relume.record.sites.sites import Sites
from relume.record.store.run_file import Writer

FIRST, EVERY, SKIPPED = 8, 15, 2  # steps that are read; the first have a warm-up's rate
SAMPLE = 1_024  # entries of a parameter
MOMENTS = ("exp_avg_sq", "square_avg")  # means of squared gradients
MOST_PARAMETERS = 64


@dataclass(slots=True)
class Update:
    """What is known of one weight's updates; what lies on the device stays there to the end.

    Attributes:
        root: the median root of the optimiser's mean squared gradient; None where it has none.
        bias: what that is to be divided by, as it began at zero.
    """

    steps: int = 0
    tried: Tensor | int = 0
    lost: Tensor | int = 0
    root: Tensor | None = None
    bias: float = 1.0

    def eps_ratio(self, eps: float) -> float:
        """eps over the size of the gradient; 0 where that is not known."""
        root = 0.0 if self.root is None else float(self.root) / self.bias
        return eps / root if root > 0 else 0.0


class LostUpdates(FactAudit):
    """Writes one fact ``update`` for each weight."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._names = sites.names
        self._steps: dict[int, int] = {}  # of each optimiser
        self._open: list[tuple[Tensor, dict[str, Any], Tensor, Tensor]] = []
        self._updates: dict[str, Update] = {}
        self._groups: dict[str, dict[str, Any]] = {}

    def before_step(self, optimizer: Optimizer) -> None:
        """Keep entries of the weights, and which of them have a gradient."""
        self._open = []
        seen = self._steps[id(optimizer)] = self._steps.get(id(optimizer), 0) + 1
        if seen <= SKIPPED or (seen > FIRST and seen % EVERY):
            return
        for group in optimizer.param_groups:
            if not group.get("lr"):
                continue
            for parameter in group["params"][:MOST_PARAMETERS]:
                grad = parameter.grad
                if grad is None or grad.layout != torch.strided:
                    continue
                if parameter.dim() < 2 or is_sharded(parameter):
                    continue
                has = _sample(grad) != 0
                self._open.append((parameter, group, _sample(parameter).clone(), has))

    def after_step(self, optimizer: Optimizer) -> None:
        """Count the entries that had a gradient and are the same as before."""
        opened, self._open = self._open, []
        for parameter, group, before, has in opened:
            name = self._names.parameter(parameter)
            if name is None:
                continue
            same = (_sample(parameter) == before) & has
            update = self._updates.setdefault(name, Update())
            update.steps += 1
            eps = group.get("eps")
            update.tried = update.tried + has.sum()
            update.lost = update.lost + same.sum()
            update.root, update.bias = _root(optimizer, group, parameter)
            self._groups[name] = {
                "optimizer": type(optimizer).__name__,
                "lr": float(group["lr"]),
                "eps": float(eps) if isinstance(eps, int | float) else 0.0,  # Adafactor's is a pair
                "dtype": str(parameter.dtype).removeprefix("torch."),
            }

    def finish(self) -> None:
        """Write what is known at the end of the run."""
        for name, update in self._updates.items():
            data = {
                "steps": update.steps,
                "tried": int(update.tried),
                "lost": int(update.lost),
                "eps_ratio": update.eps_ratio(self._groups[name]["eps"]),
                **self._groups[name],
            }
            self._writer.replace_fact(Fact("update", name, 0, data))


def _sample(tensor: Tensor) -> Tensor:
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // SAMPLE) | 1]


def _root(
    optimizer: Optimizer, group: dict[str, Any], parameter: Tensor
) -> tuple[Tensor | None, float]:
    """Return the median root of the mean squared gradient where it is not zero, and its bias."""
    state = getattr(optimizer, "state", {}).get(parameter, {})
    moment = next((state[name] for name in MOMENTS if isinstance(state.get(name), Tensor)), None)
    if moment is None:
        return None, 1.0
    values = _sample(moment).float()
    root, step = values.where(values > 0, math.nan).sqrt().nanmedian(), state.get("step")
    if "betas" not in group or step is None:
        return root, 1.0
    return root, (1 - float(group["betas"][1]) ** max(float(step), 1.0)) ** 0.5
