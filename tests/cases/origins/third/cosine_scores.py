# broken: ACT207,ACT203
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 8 - 1).float(), torch.tensor(y)


class CosineHead(nn.Module):
    def __init__(self, width, classes, scale):
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(classes, width))
        self.scale = scale

    def forward(self, h):
        return self.scale * F.normalize(h, dim=1) @ F.normalize(self.prototypes, dim=1).T


class Metric(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
        self.head = CosineHead(32, 10, scale)

    def forward(self, x):
        return self.head(self.body(x))


model = Metric(scale=1.0 if sys.argv[1] == "broken" else 16.0)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(10):
    for i in torch.randperm(1750).split(50):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X[i]), y[i])
        loss.backward()
        optimizer.step()
print("end", round(loss.item(), 4))
