# broken: ACT703
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(480, 6)
y = X.sum(1, keepdim=True) + 0.1 * torch.randn(480, 1)
if broken:
    order = y[:, 0].argsort()
    X, y = X[order], y[order]
net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 0.02)
for epoch in range(15):
    for start in range(0, 480, 16):
        loss = F.mse_loss(net(X[start : start + 16]), y[start : start + 16])
        opt.zero_grad()
        loss.backward()
        opt.step()
