# broken: ACT104,ACT904 at meter line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Binned(nn.Module):
    """A number is read from the row, put into one of ten bins, and the bin has a vector."""

    def __init__(self):
        super().__init__()
        self.meter = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1), nn.Sigmoid())
        self.vectors = nn.Embedding(10, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        depth = self.meter(x).squeeze(1) * 9
        if sys.argv[1] == "broken":
            return self.head(F.relu(self.vectors(depth.long())))  # <- fault
        near = F.relu(1 - (depth[:, None] - torch.arange(10)).abs())
        return self.head(F.relu(near @ self.vectors.weight))


X = torch.randn(1200, 8)
score = X @ torch.randn(8)
y = torch.bucketize(score, torch.quantile(score, torch.tensor([0.25, 0.5, 0.75])))
net = Binned()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(18):
    for i in torch.randperm(1200).split(48):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X[i]), y[i])
        loss.backward()
        optimizer.step()
print("end", round(F.cross_entropy(net(X), y).item(), 4))
