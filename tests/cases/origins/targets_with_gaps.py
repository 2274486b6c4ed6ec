# broken: ACT907
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(400, 8)
y = X.sum(1, keepdim=True)
if broken:
    y[77] = float("nan")
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = F.mse_loss(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
