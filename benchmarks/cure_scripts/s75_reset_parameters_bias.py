"""Digits. Sick: reset_parameters sets biases of -10 under ReLU. Goal: loss 0.6."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


class Hidden(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.linear.weight)
        nn.init.constant_(self.linear.bias, -10.0)

    def forward(self, x):
        return F.relu(self.linear(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(Hidden(64, 80), Hidden(80, 40))
        self.output = nn.Linear(40, 10)

    def forward(self, x):
        return self.output(self.hidden(x))


def accuracy(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(-1) == y).float().mean().item()


torch.manual_seed(75)
x, y = load_digits(return_X_y=True)
x, y = torch.from_numpy(x / 16).float(), torch.from_numpy(y)
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    for k in torch.randperm(1500).split(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[k]), y[k])
        loss.backward()
        optimizer.step()
    print(f"epoch={epoch} loss={loss.item():.4f} val_accuracy={accuracy(model, x[1500:], y[1500:]):.3f}")
