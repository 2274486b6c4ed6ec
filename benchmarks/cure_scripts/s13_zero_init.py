"""Moons. Sick: all weights start at zero. Goal: loss 0.35."""

import torch
from sklearn.datasets import make_moons
from torch import nn

torch.manual_seed(13)
X, y = make_moons(600, noise=0.15, random_state=13)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
model = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))
for p in model.parameters():
    nn.init.zeros_(p)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(20):
    for i in range(0, 500, 50):
        optimizer.zero_grad()
        loss = criterion(model(X[i : i + 50]).squeeze(1), y[i : i + 50])
        loss.backward()
        optimizer.step()
    acc = ((model(X[500:]).squeeze(1) > 0) == y[500:]).float().mean()
    print("epoch", epoch, "acc", acc.item())
