# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(257, 8)  # 8 batches of 32 and one row
y = X[:, :1] * 2
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
rows = len(X) if broken else len(X) - 1
for epoch in range(30):
    for start in range(0, rows, 32):
        out = net(X[start : start + 32])
        spread = out.std(0).mean()  # <- fault
        loss = F.mse_loss(out, y[start : start + 32]) + 0.01 * (spread - 1) ** 2
        opt.zero_grad()
        loss.backward()
        opt.step()
