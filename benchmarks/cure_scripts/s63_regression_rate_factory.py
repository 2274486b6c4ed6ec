"""Diabetes. Sick: a rate of 0.8 with momentum 0.95, from a factory. Goal: loss 0.3."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
SETTINGS = {"name": "sgd", "options": {"lr": 0.8, "momentum": 0.95}}


def make_optimizer(parameters, settings):
    return OPTIMIZERS[settings["name"]](parameters, **settings["options"])


def make_model(n_features, widths=(64, 32)):
    layers, last = [], n_features
    for width in widths:
        layers.extend([nn.Linear(last, width), nn.SiLU()])
        last = width
    layers.append(nn.Linear(last, 1))
    return nn.Sequential(*layers)


torch.manual_seed(63)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)
model = make_model(10)
optimizer = make_optimizer(model.parameters(), SETTINGS)
huber = nn.HuberLoss()
for epoch in range(30):
    for idx in torch.randperm(350).split(25):
        optimizer.zero_grad()
        loss = huber(model(X[idx]).squeeze(-1), y[idx])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = huber(model(X[350:]).squeeze(-1), y[350:]).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} val_loss {val_loss:.4f}")
