"""Moons. Sick: every weight starts at 0.5. Goal: loss 0.35."""

import torch
from sklearn.datasets import make_moons
from torch import nn


def init(module):
    if isinstance(module, nn.Linear):
        module.weight.data.fill_(0.5)
        module.bias.data.fill_(0.0)


torch.manual_seed(48)
X, y = make_moons(700, noise=0.12, random_state=48)
X, y = torch.FloatTensor(X), torch.FloatTensor(y).unsqueeze(1)
model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1), nn.Sigmoid())
model.apply(init)
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
bce = nn.BCELoss()
for epoch in range(25):
    order = torch.randperm(600)
    for b in range(0, 600, 30):
        rows = order[b : b + 30]
        optimizer.zero_grad()
        loss = bce(model(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        with torch.no_grad():
            val = bce(model(X[600:]), y[600:])
        print("epoch", epoch, "loss", loss.item(), "val_loss", val.item())
