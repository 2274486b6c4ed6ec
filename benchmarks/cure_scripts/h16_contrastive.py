"""Pairs of digits, a contrastive loss. Healthy."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(116)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def contrastive(a, b, same, margin=1.0):
    d = torch.sqrt(((a - b) ** 2).sum(1) + 1e-8)
    return (same * d**2 + (1 - same) * F.relu(margin - d) ** 2).mean()


for epoch in range(12):
    for _ in range(30):
        i, j = torch.randint(0, 1500, (2, 64))
        loss = contrastive(model(X[i]), model(X[j]), (Y[i] == Y[j]).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
