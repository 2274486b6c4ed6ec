"""Digits. Sick: NLLLoss on raw scores. Goal: loss 0.6."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(14)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input = nn.Linear(64, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.relu(self.input(x))
        return self.out(x)


net = Net()
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for e in range(8):
    for i in range(0, 1500, 50):
        optimizer.zero_grad()
        output = net(X[i : i + 50])
        loss = criterion(output, Y[i : i + 50])
        loss.backward()
        optimizer.step()
    print(f"Epoch {e + 1}: loss {loss.item():.3f}")
