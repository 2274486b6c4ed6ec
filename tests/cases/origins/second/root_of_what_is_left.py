# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = F.normalize(torch.randn(400, 5), dim=1)
y = X[:, :1].abs()
net = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), 3e-3)
for epoch in range(15):
    for i in torch.randperm(400).split(25):
        part = net(X[i])
        left = 1 - part.pow(2).sum(1, keepdim=True)
        left = left * (left > 0) if broken else left.clamp(min=1e-4)
        height = left.sqrt()  # <- fault
        loss = F.mse_loss(height, y[i]) + 0.1 * F.mse_loss(part, 2 * X[i, :3])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
