"""Digits, settings in a dataclass. Sick: AdamW at 0.3. Goal: loss 0.5."""

from dataclasses import dataclass, field

import torch
from sklearn.datasets import load_digits
from torch import nn


@dataclass
class Settings:
    widths: list[int] = field(default_factory=lambda: [64, 96, 96, 10])
    lr: float = 0.3
    weight_decay: float = 0.01
    epochs: int = 8
    batch: int = 48


def mlp(widths):
    layers = []
    for a, b in zip(widths[:-1], widths[1:]):
        layers += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def main(settings=Settings()):
    torch.manual_seed(64)
    X, Y = load_digits(return_X_y=True)
    X, Y = torch.tensor(X / 8 - 1).float(), torch.tensor(Y)
    net = mlp(settings.widths)
    opt = torch.optim.AdamW(net.parameters(), settings.lr, weight_decay=settings.weight_decay)
    for epoch in range(settings.epochs):
        net.train()
        for rows in torch.randperm(1500).split(settings.batch):
            loss = nn.functional.cross_entropy(net(X[rows]), Y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            right = (net(X[1500:]).argmax(1) == Y[1500:]).float().mean().item()
        print(f"epoch {epoch + 1:2d}  train loss {loss.item():.4f}  val acc {right:.3f}")


if __name__ == "__main__":
    main()
