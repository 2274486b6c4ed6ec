"""Diabetes. Sick: predictions (N, 1) against targets (N) under a smooth L1. Goal: loss 0.2."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)
data = load_diabetes()
X = torch.tensor(data.data / data.data.std(0), dtype=torch.float32)
y = torch.tensor((data.target - data.target.mean()) / data.target.std(), dtype=torch.float32)
loader = DataLoader(TensorDataset(X[:350], y[:350]), batch_size=25, shuffle=True)

regressor = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 1))
optim = torch.optim.Adam(regressor.parameters(), lr=3e-3)
criterion = nn.SmoothL1Loss()


def step(xb, yb):
    pred = regressor(xb)
    loss = criterion(pred, yb)
    optim.zero_grad()
    loss.backward()
    optim.step()
    return loss.item()


for epoch in range(30):
    mean = sum(step(xb, yb) for xb, yb in loader) / len(loader)
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "loss", round(mean, 4))
