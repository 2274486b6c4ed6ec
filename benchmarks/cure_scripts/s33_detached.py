"""Sick: the loss reaches the bias of the head alone. Not curable by an edit of the run."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(33)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
body = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
bias = nn.Parameter(torch.zeros(10))
optimizer = torch.optim.Adam([*body.parameters(), bias], lr=1e-2)
for epoch in range(6):
    for idx in torch.randperm(1500).split(50):
        with torch.no_grad():
            scores = body(X[idx])
        loss = nn.functional.cross_entropy(scores + bias, Y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())
