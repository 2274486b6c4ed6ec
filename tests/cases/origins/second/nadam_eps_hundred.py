# broken: ACT908
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(600, 10)
y = (X @ torch.randn(10, 1)).sin()
net = nn.Sequential(nn.Linear(10, 48), nn.Tanh(), nn.Linear(48, 1))
opt = torch.optim.NAdam(net.parameters(), lr=2e-3, eps=100.0 if broken else 1e-8)
for step in range(400):
    i = torch.randint(600, (40,))
    loss = F.mse_loss(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
