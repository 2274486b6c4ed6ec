# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.rand(400, 8)
X[:, 0] = (X[:, 0] - 0.2).clamp(min=0)
y = torch.rand(400, 1)
net = nn.Sequential(nn.Linear(8, 32), nn.Softplus(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(400, (32,))
    size = X[i, :1] if broken else X[i, :1] + 0.1
    ratio = net(X[i]) / size  # <- fault
    rate = torch.where(size > 0, ratio, torch.zeros_like(ratio))
    loss = F.smooth_l1_loss(rate, y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
