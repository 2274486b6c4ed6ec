"""Digits with a small residual network under OneCycle. Healthy."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(h)))


torch.manual_seed(118)
digits = load_digits()
x, y = torch.tensor(digits.images / 8 - 1).float()[:, None], torch.tensor(digits.target)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), Block(12), nn.MaxPool2d(2), Block(12), nn.Flatten(), nn.Linear(192, 10)
)
epochs, batches = 5, 30
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
scheduler = OneCycleLR(optimizer, max_lr=0.05, total_steps=epochs * batches)
for epoch in range(epochs):
    model.train()
    for i in torch.randperm(1500).split(50):
        loss = F.cross_entropy(model(x[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        print(f"epoch {epoch} val_acc {(model(x[1500:]).argmax(1) == y[1500:]).float().mean():.4f}")
