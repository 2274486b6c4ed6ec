# broken: ACT703
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(640, 1, 8, 8)
y = torch.arange(640) % 8
for c in range(8):
    X[y == c, 0, c] += 1.5
if broken:
    order = y.argsort()  # read folder by folder
    X, y = X[order], y[order]
net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 8))
opt = torch.optim.Adam(net.parameters(), 2e-3)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), 20)
for epoch in range(12):
    for a, b in loader:
        loss = F.cross_entropy(net(a), b)
        opt.zero_grad()
        loss.backward()
        opt.step()
