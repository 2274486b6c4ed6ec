"""Circles. Sick: a LeakyReLU whose slope below zero is 1. Goal: loss 0.3."""

import torch
from sklearn.datasets import make_circles
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NEGATIVE_SLOPE = 1.0


def block(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, n_out), nn.LeakyReLU(NEGATIVE_SLOPE))


def evaluate(model, loader):
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            right += ((model(x) > 0).float() == y).sum().item()
            total += len(y)
    return right / total


def main():
    torch.manual_seed(83)
    X, y = make_circles(1000, noise=0.07, factor=0.5, random_state=83)
    X, y = torch.tensor(X).float(), torch.tensor(y).float().view(-1, 1)
    train = DataLoader(TensorDataset(X[:800], y[:800]), 32, shuffle=True)
    valid = DataLoader(TensorDataset(X[800:], y[800:]), 200)
    model = nn.Sequential(block(2, 32), block(32, 32), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    criterion = nn.BCEWithLogitsLoss()
    for epoch in range(12):
        for x, target in train:
            optimizer.zero_grad()
            loss = criterion(model(x), target)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f} val accuracy {evaluate(model, valid):.3f}")


if __name__ == "__main__":
    main()
