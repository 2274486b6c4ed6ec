"""Digits. Sick: the head is replaced after the optimiser was made. Goal: loss 0.5."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(23)


class Backbone(nn.Module):
    def __init__(self, classes=100):
        super().__init__()
        self.fc1 = nn.Linear(64, 16)
        self.fc = nn.Linear(16, classes)

    def forward(self, x):
        return self.fc(F.gelu(self.fc1(x)))


net = Backbone()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
net.fc = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 10))

X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor((X - 5) / 6).float(), torch.tensor(Y)
for epoch in range(8):
    for idx in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "train", round(loss.item(), 3))
