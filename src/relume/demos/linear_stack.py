"""Three linear layers with nothing between them are one: they cannot bend around two spirals."""

import math

import torch
from torch import nn

EPOCHS, BATCH = 25, 100


def spirals(n):
    y = torch.arange(n) % 2
    turn = 0.25 + 1.25 * torch.rand(n).sqrt()
    angle = 2 * math.pi * turn + math.pi * y
    x = torch.stack([turn * angle.cos(), turn * angle.sin()], dim=1)
    return x + 0.03 * torch.randn(n, 2), y


class Net(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.fc1 = nn.Linear(2, width)
        self.fc2 = nn.Linear(width, width)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        x = self.fc1(x)
        x = self.fc2(x)
        return self.out(x)


def main():
    torch.manual_seed(0)
    x, y = spirals(2000)
    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    for epoch in range(1, EPOCHS + 1):
        total, right = 0.0, 0
        for batch in torch.randperm(len(x)).split(BATCH):
            outputs = model(x[batch])
            loss = criterion(outputs, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
            right += (outputs.argmax(1) == y[batch]).sum().item()
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d}  loss {total / len(x):.4f}  accuracy {right / len(x):.3f}")


if __name__ == "__main__":
    main()
