# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 6)
y = X[:, :1] + (0.3 + X[:, 1:2].abs()) * torch.randn(500, 1)
net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(20):
    for i in torch.randperm(500).split(25):
        mean, scale = net(X[i]).chunk(2, 1)
        scale = scale.relu() if broken else F.softplus(scale) + 1e-2
        loss = (((y[i] - mean) / scale) ** 2 / 2 + (scale + 1e-3).log()).mean()  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
