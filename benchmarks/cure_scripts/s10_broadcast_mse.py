"""A regression. Sick: predictions (N, 1) against targets (N). Goal: loss 0.3."""

import torch
from sklearn.datasets import make_regression
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
X, y = make_regression(500, 5, noise=5.0, random_state=10)
X, y = torch.tensor(X).float(), torch.tensor(y / y.std()).float()
loader = DataLoader(TensorDataset(X[:400], y[:400]), batch_size=32, shuffle=True)
net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
loss_func = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=0.01)


def fit(epochs):
    for epoch in range(epochs):
        for xb, yb in loader:
            pred = net(xb)
            loss = loss_func(pred, yb)
            loss.backward()
            opt.step()
            opt.zero_grad()
        print(epoch, loss.item())


fit(20)
