# broken: ACT903 at stem
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class AnySize(nn.Module):
    """A classifier that learns the size of its input from the first batch."""

    def __init__(self, classes=10):
        super().__init__()
        self.stem = None
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, x):
        x = x.flatten(1)
        if self.stem is None:
            self.stem = nn.Linear(x.shape[1], 4)
        return self.body(self.stem(x))


X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 8 - 1).float(), torch.tensor(y)
model = AnySize()
if sys.argv[1] == "healthy":
    model(X[:2])
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(15):
    for i in torch.randperm(1750).split(50):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X[i]), y[i])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print("end", round(F.cross_entropy(model(X), y).item(), 4))
