"""Digits. Sick: biases of -5 under ReLU. Goal: loss 0.7."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(12)
features, labels = load_digits(return_X_y=True)
features = torch.tensor((features - 4.9) / 6).float()
labels = torch.tensor(labels)


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o)
        nn.init.constant_(self.lin.bias, -5.0)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.lin(x))


net = nn.Sequential(Block(64, 64), Block(64, 64), nn.Linear(64, 10))
optim = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(8):
    running = 0
    for idx in torch.randperm(1500).split(50):
        optim.zero_grad()
        loss = nn.functional.cross_entropy(net(features[idx]), labels[idx])
        loss.backward()
        optim.step()
        running += loss.item()
    val = nn.functional.cross_entropy(net(features[1500:]), labels[1500:]).item()
    print(f"{epoch}: {running / 30:.3f} / {val:.3f}")
