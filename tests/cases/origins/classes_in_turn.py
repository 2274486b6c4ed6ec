# broken: ACT703
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)
X = torch.randn(600, 12)
y = (X @ torch.randn(12, 3)).argmax(1)

if broken:
    order = y.argsort()
    X, y = X[order], y[order]
net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.SGD(net.parameters(), 0.3)
for epoch in range(20):
    for start in range(0, 576, 24):
        loss = F.cross_entropy(net(X[start : start + 24]), y[start : start + 24])
        opt.zero_grad()
        loss.backward()
        opt.step()
