# broken: ACT908
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.rand(500, 8) * 0.02
y = (X.sum(1, keepdim=True) - 0.08) * 4
net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.RMSprop(net.parameters(), 1e-3, eps=10.0 if broken else 1e-8)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = F.mse_loss(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
