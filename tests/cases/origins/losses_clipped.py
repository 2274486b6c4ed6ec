# broken: ACT909
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 8)
y = X.sum(1, keepdim=True) * (6 if broken else 0.3)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = ((net(X[i]) - y[i]) ** 2).clamp(max=4.0).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
