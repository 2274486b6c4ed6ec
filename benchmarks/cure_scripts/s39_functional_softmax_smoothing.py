"""Digits. Sick: F.softmax before a cross-entropy with label smoothing. Goal: loss 0.85."""

import dataclasses

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits


@dataclasses.dataclass
class Config:
    lr: float = 0.3
    smoothing: float = 0.05
    epochs: int = 8
    batch: int = 50


class Net(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return F.softmax(x, dim=1)


def evaluate(net, x, y):
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(dim=1) == y).float().mean().item()


def main():
    cfg = Config()
    torch.manual_seed(39)
    X, Y = load_digits(return_X_y=True)
    X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        net.train()
        for idx in torch.randperm(1500).split(cfg.batch):
            loss = F.cross_entropy(net(X[idx]), Y[idx], label_smoothing=cfg.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch={epoch} loss={loss.item():.4f} val_acc={evaluate(net, X[1500:], Y[1500:]):.4f}")


main()
