"""Digits with convolutions. Sick: Adam with a weight decay of 1. Goal: loss 0.8."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(53)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float().view(-1, 1, 8, 8), torch.tensor(Y)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc1 = nn.Linear(24 * 4 * 4, 48)
        self.fc2 = nn.Linear(48, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


model = ConvNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1.0)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
for epoch in range(6):
    for idx in torch.randperm(1500).split(32):
        optimizer.zero_grad()
        out = model(X[idx])
        loss = F.cross_entropy(out, Y[idx])
        loss.backward()
        optimizer.step()
    scheduler.step()
    with torch.no_grad():
        val_acc = (model(X[1500:]).argmax(1) == Y[1500:]).float().mean().item()
    print(f"epoch {epoch} | loss {loss.item():.4f} | val_acc {val_acc:.4f}")
