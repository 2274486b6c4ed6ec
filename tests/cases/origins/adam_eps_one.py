# broken: ACT908
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
opt = torch.optim.Adam(net.parameters(), 1e-3, eps=1.0 if broken else 1e-8)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = F.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
