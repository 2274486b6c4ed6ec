"""Digits. Sick: weights from N(0, 1) under tanh. Goal: loss 0.6."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(5)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight)
        nn.init.zeros_(m.bias)


class Net(nn.Module):
    def __init__(self, sizes=(64, 64, 64, 64, 10)):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.tanh(layer(x))
        return self.layers[-1](x)


def main():
    X, Y = load_digits(return_X_y=True)
    X = torch.tensor(X / 8 - 1).float()
    Y = torch.tensor(Y)
    model = Net()
    model.apply(init_weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(10):
        total = 0.0
        for i in range(0, 1500, 50):
            optimizer.zero_grad()
            loss = criterion(model(X[i : i + 50]), Y[i : i + 50])
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            test_acc = (model(X[1500:]).argmax(1) == Y[1500:]).float().mean().item()
        print(f"Epoch: {epoch}  Training Loss: {total / 30:.4f}  Test Accuracy: {test_acc:.2%}")


main()
