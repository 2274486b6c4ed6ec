"""Moons in functions. Sick: nobody clears the gradients. Goal: loss 0.2."""

import torch
from sklearn.datasets import make_moons


def init(rng, sizes):
    weights = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        w = torch.randn(a, b, generator=rng) * (2 / a) ** 0.5
        weights += [w.requires_grad_(), torch.zeros(b, requires_grad=True)]
    return weights


def predict(weights, x):
    w1, b1, w2, b2, w3, b3 = weights
    h = torch.relu(x @ w1 + b1)
    h = torch.relu(h @ w2 + b2)
    return (h @ w3 + b3).squeeze(1)


def train_step(weights, optimizer, x, y):
    loss = torch.nn.functional.binary_cross_entropy_with_logits(predict(weights, x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


torch.manual_seed(68)
points, side = make_moons(1000, noise=0.15, random_state=68)
points, side = torch.tensor(points).float(), torch.tensor(side).float()
weights = init(torch.Generator().manual_seed(68), [2, 32, 32, 1])
optimizer = torch.optim.SGD(weights, lr=0.1)
for epoch in range(20):
    for idx in torch.randperm(800).split(32):
        loss = train_step(weights, optimizer, points[idx], side[idx])
    with torch.no_grad():
        held = ((predict(weights, points[800:]) > 0) == (side[800:] > 0.5)).float().mean()
    print(f"epoch {epoch} loss {loss:.4f} test accuracy {held:.3f}")
