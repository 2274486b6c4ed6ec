# broken: ACT909
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 8)
y = (X[:, :1] > 0).float()
y = y if broken else y * 2 - 1
net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.SGD(net.parameters(), 0.1)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = torch.clamp(1 - y[i] * net(X[i]), min=0).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
