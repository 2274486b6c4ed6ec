"""ReLU units die in the middle of training: the learning rate warms up to one that is too high.

Ten classes of four clusters each in 32 dimensions, a multilayer perceptron, Adam. The loss falls
at first; then the rate nears its peak, units fall silent one after the other, and with the last
of a layer the network is back at chance, ln 10 = 2.30.
"""

import torch
import torch.nn.functional as F
from torch import nn

EPOCHS, BATCH, CLASSES = 15, 64, 10


def clusters(n, parts=4, features=32):
    centres = torch.randn(CLASSES * parts, features)
    part = torch.randint(CLASSES * parts, (n,))
    return centres[part] + 0.7 * torch.randn(n, features), part % CLASSES


class MLP(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.fc1 = nn.Linear(32, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, CLASSES)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = F.relu(self.fc3(x))
        return self.out(x)


def main():
    torch.manual_seed(0)
    x, y = clusters(1600)
    model = MLP()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, total_iters=150)

    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            warmup.step()
            total += loss.item() * len(batch)
        if epoch % 3 == 0:
            print(f"epoch {epoch:2d}  loss {total / len(x):.4f}")


if __name__ == "__main__":
    main()
