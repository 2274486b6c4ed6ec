"""Digits with a LeNet of tanhs, SGD and a step schedule. Healthy."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(117)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 8 - 1).float().view(-1, 1, 8, 8), torch.tensor(Y)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.conv2 = nn.Conv2d(6, 16, 3, padding=1)
        self.fc1 = nn.Linear(64, 48)
        self.fc2 = nn.Linear(48, 10)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        return self.fc2(torch.tanh(self.fc1(x.flatten(1))))


model = LeNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)
for epoch in range(10):
    for idx in torch.randperm(1500).split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
    scheduler.step()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss:.4f} val {F.cross_entropy(model(X[1500:]), Y[1500:]):.4f}")
