"""A regression on features of unlike sizes. Sick: raw inputs. Goal: loss 0.35."""

import argparse
import logging

import numpy as np
import torch
from torch import nn

logging.basicConfig(level=logging.INFO, format="%(message)s")
ap = argparse.ArgumentParser()
ap.add_argument("--lr", default=1e-3, type=float)
ap.add_argument("--epochs", default=8, type=int)
opt = ap.parse_args()

rng = np.random.RandomState(0)
n = 800
age, income, rooms, year = (
    rng.uniform(18, 90, n), rng.uniform(8e3, 9e4, n), rng.poisson(4, n) + 1.0, rng.uniform(1950, 2020, n),
)
features = np.stack([age, income, rooms, year], 1)
z = (features - features.mean(0)) / features.std(0)
target = np.tanh(z[:, 0]) + z[:, 1] * z[:, 2] / 2 + z[:, 3] / 2 + rng.normal(0, 0.1, n)
target = (target - target.mean()) / target.std()

torch.manual_seed(6)
X = torch.tensor(features, dtype=torch.float32)
y = torch.tensor(target, dtype=torch.float32).view(-1, 1)
model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=opt.lr, momentum=0.9)
mse = nn.MSELoss()
for epoch in range(opt.epochs):
    for ids in torch.randperm(640).split(16):
        optimizer.zero_grad()
        loss = mse(model(X[ids]), y[ids])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        logging.info("epoch %d val_mse %.4f", epoch, mse(model(X[640:]), y[640:]))
