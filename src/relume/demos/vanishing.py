"""Eight sigmoid layers in a row: the gradient vanishes on its way back, and nothing is learned.

Four clusters in twenty dimensions, which a single linear layer separates without effort.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, DEPTH, WIDTH = 15, 8, 64


def clusters(n, classes=4, features=20):
    y = torch.randint(classes, (n,))
    centres = 2 * torch.randn(classes, features)
    return centres[y] + torch.randn(n, features), y


def build():
    layers = [nn.Linear(20, WIDTH), nn.Sigmoid()]
    for _ in range(DEPTH - 1):
        layers += [nn.Linear(WIDTH, WIDTH), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 4))


def main():
    torch.manual_seed(0)
    x, y = clusters(1600)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    model = build()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(inputs)
        if epoch % 3 == 0:
            print(f"epoch {epoch:2d}  loss {total / len(x):.4f}")


if __name__ == "__main__":
    main()
