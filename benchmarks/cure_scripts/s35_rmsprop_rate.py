"""Moons with Leaky ReLU. Sick: RMSprop at 1. Goal: loss 0.35."""

import torch
from sklearn.datasets import make_moons
from torch import nn

LR = 1.0
BATCH = 32

torch.manual_seed(35)
X, y = make_moons(1000, noise=0.1, random_state=35)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
train, valid = slice(0, 800), slice(800, 1000)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 40)
        self.fc2 = nn.Linear(40, 40)
        self.out = nn.Linear(40, 1)
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x):
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        return self.out(x).squeeze(-1)


net = Net()
optimizer = torch.optim.RMSprop(net.parameters(), lr=LR)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(15):
    total = 0.0
    for idx in torch.randperm(800).split(BATCH):
        loss = loss_fn(net(X[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    with torch.no_grad():
        val_loss = loss_fn(net(X[valid]), y[valid]).item()
    print("epoch", epoch, "train loss", total / 800, "val loss", val_loss)
