"""Digits. Sick: the body is replaced by a narrower one after the optimiser was made. Goal: loss 0.6."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Net(nn.Module):
    def __init__(self, width=128):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 5), nn.ReLU())
        self.head = nn.Linear(5, 10)

    def forward(self, x):
        return self.head(self.body(x))


torch.manual_seed(76)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
# the small version is enough here
net.body = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5), nn.ReLU())
loss_function = nn.CrossEntropyLoss()
for epoch in range(12):
    for rows in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = loss_function(net(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(f"{epoch}\t{loss.item():.4f}\t{loss_function(net(X[1500:]), y[1500:]).item():.4f}")
