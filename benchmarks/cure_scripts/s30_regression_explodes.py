"""A regression. Sick: SGD explodes, and the script stops at NaN. Goal: loss 0.3."""

import math

import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(30)
X, y = load_diabetes(return_X_y=True, scaled=False)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor((y - y.mean()) / y.std()).float()[:, None]
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
for epoch in range(60):
    for i in range(0, 400, 50):
        loss = nn.functional.mse_loss(model(X[i : i + 50]), y[i : i + 50])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 0:
        print("epoch", epoch, "loss", loss.item())
    if math.isnan(loss.item()):
        print("nan, stopping")
        break
