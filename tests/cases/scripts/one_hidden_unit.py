# broken: ACT303,ACT401,ACT403
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(1)
x = torch.rand(200, 1)
y = 2 * x + 1
net = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
with torch.no_grad():
    net[0].weight.fill_(-1.0 if sys.argv[1] == "broken" else 1.0)
    net[0].bias.fill_(-0.1 if sys.argv[1] == "broken" else 0.1)
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(600):
    loss = ((net(x) - y) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
with torch.no_grad():
    print("r2", float(1 - (net(x) - y).pow(2).mean() / y.var()))
