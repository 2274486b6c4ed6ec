# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)
X = torch.randn(600, 12)
y = (X @ torch.randn(12, 3)).argmax(1)
net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(len(X), (32,))
    out = net(X[i])
    big = (out * 400).half() if broken else out * 400
    penalty = (big**2).float().mean() * 1e-9  # <- fault
    loss = F.cross_entropy(out, y[i]) + penalty
    opt.zero_grad()
    loss.backward()
    opt.step()
