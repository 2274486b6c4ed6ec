"""Pairs of digits, a contrastive loss. Sick: the root of a distance that is zero. Goal: loss 0.35."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(61)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))

    def forward(self, x):
        return self.net(x)


def contrastive(a, b, same, margin=1.0):
    d = torch.sqrt(((a - b) ** 2).sum(1))
    return (same * d**2 + (1 - same) * F.relu(margin - d) ** 2).mean()


model = Embedder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(10):
    total = 0.0
    for _ in range(30):
        i = torch.randint(0, 1500, (64,))
        j = torch.where(torch.rand(64) < 0.02, i, torch.randint(0, 1500, (64,)))
        same = (Y[i] == Y[j]).float()
        loss = contrastive(model(X[i]), model(X[j]), same)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 30:.4f}")
