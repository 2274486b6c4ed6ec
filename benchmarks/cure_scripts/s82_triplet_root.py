"""Triplets of digits. Sick: the root of a distance of zero (an anchor that is its positive). Goal: loss 0.25."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(82)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
by_class = [torch.nonzero(Y[:1500] == k).flatten() for k in range(10)]


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return self.net(x)


def euclidean(a, b):
    return torch.sqrt(((a - b) ** 2).sum(dim=1))


class TripletLoss(nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, anchor, positive, negative):
        d = euclidean(anchor, positive) - euclidean(anchor, negative)
        return torch.clamp(d + self.margin, min=0).mean()


def sample(count):
    anchor = torch.randint(0, 1500, (count,))
    positive, negative = [], []
    for a in anchor.tolist():
        same = by_class[int(Y[a])]
        positive.append(int(same[torch.randint(len(same), ())]))
        other = by_class[(int(Y[a]) + int(torch.randint(1, 10, ()))) % 10]
        negative.append(int(other[torch.randint(len(other), ())]))
    return anchor, torch.tensor(positive), torch.tensor(negative)


model = Embedder()
criterion = TripletLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(250):
    a, p, n = sample(64)
    if step % 20 == 10:
        p[0] = a[0]
    loss = criterion(model(X[a]), model(X[p]), model(X[n]))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"step {step + 1}: triplet loss {loss.item():.4f}")
