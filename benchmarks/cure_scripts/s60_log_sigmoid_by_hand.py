"""Breast cancer, BCE by hand. Sick: the log of a sigmoid that reaches 1. Goal: loss 0.3."""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(60)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y).float()


def binary_cross_entropy(p, t):
    return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()


model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
losses = []
for epoch in range(30):
    for idx in torch.randperm(450).split(45):
        p = model(X[idx]).squeeze(1)
        loss = binary_cross_entropy(p, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = ((model(X[450:]).squeeze(1) > 0.5) == (y[450:] > 0.5)).float().mean()
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", losses[-1], "val acc", acc.item())
