# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(400, 10, 8)
lengths = torch.randint(1, 11, (400,))
if broken:
    lengths[5::50] = 0
y = torch.randn(400)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(400, (32,))
    mask = (torch.arange(10) < lengths[i, None]).float()
    out = net(X[i]).squeeze(2)
    pooled = (out * mask).sum(1) / mask.sum(1)  # <- fault
    loss = F.mse_loss(pooled, y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
