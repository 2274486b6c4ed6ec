"""Digits with convolutions. Sick: biases of -4 under ReLU. Goal: loss 0.8."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(50)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float().reshape(-1, 1, 8, 8), torch.tensor(Y)


def conv_block(n_in, n_out):
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(conv_block(1, 16), conv_block(16, 32), nn.Flatten(), nn.Linear(128, 10))
for module in model.modules():
    if isinstance(module, nn.Conv2d):
        nn.init.constant_(module.bias, -4.0)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    model.train()
    for idx in torch.randperm(1500).split(32):
        optimizer.zero_grad()
        loss = criterion(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(epoch, "val loss", criterion(model(X[1500:]), Y[1500:]).item())
