"""What an entry of the zoo is, and what most entries share.

Each is built under a fixed seed; `Training.step` is one iteration of the user's loop and returns
its loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Step = Callable[[], float]


Place = tuple[str, str, str, str]  # name, act, layer, role


@dataclass
class Training:
    """What a user's script holds: models, and one iteration."""

    models: tuple[nn.Module, ...]
    step: Step


@dataclass
class Entry:
    """One row of the zoo.

    Attributes:
        build: makes a training, under the seed that is set.
        sites: the act sites expected, in forward order.
        opaque: (site, operation) that must be said to be hidden.
        blind: the sites through which no gradient flows, with the reason.
        lines: whether each site's source line is expected.
        needs: a package that is asked for with the dev extra.
        exactly: how recording leaves every bit as it was.
    """

    build: Callable[[], Training]
    sites: list[Place]
    opaque: list[tuple[str, str]] = field(default_factory=list)
    blind: dict[str, str] = field(default_factory=dict)
    lines: bool = True
    needs: str = ""
    exactly: dict[str, bool] = field(default_factory=dict)


def classifying(
    model: nn.Module, *, batch: int = 16, inputs: int = 6, optimizer: str = "sgd"
) -> Training:
    """Cross entropy on made data: the loop that most entries share."""
    made = {
        "sgd": lambda p: torch.optim.SGD(p, 0.1),
        "adamw": lambda p: torch.optim.AdamW(p, 1e-2),
    }[optimizer]([p for p in model.parameters() if p.requires_grad])

    def step() -> float:
        loss = F.cross_entropy(model(torch.randn(batch, inputs)), torch.randint(0, 3, (batch,)))
        made.zero_grad()
        loss.backward()
        made.step()
        return loss.item()

    return Training((model,), step)


class Functional(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(6, 8), nn.Linear(8, 3), act

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


def sequential(*acts: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), *acts, nn.Linear(8, 3))


def functional(act: Callable[[Tensor], Tensor]) -> Callable[[], Training]:
    return lambda: classifying(Functional(act))


def one(name: str, act: str, layer: str = "fc1", role: str = "hidden") -> list[Place]:
    return [(name, act, layer, role)]
