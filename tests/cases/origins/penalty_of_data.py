# broken: ACT910 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(60, 40)
y = X[:, :1] * 2 + 0.1 * torch.randn(60, 1)
net = nn.Linear(40, 1)
opt = torch.optim.Adam(net.parameters(), 1e-2)
for step in range(400):
    i = torch.randint(60, (16,))
    weight = net.weight.data if broken else net.weight
    loss = F.mse_loss(net(X[i]), y[i]) + 0.05 * weight.abs().sum()  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
