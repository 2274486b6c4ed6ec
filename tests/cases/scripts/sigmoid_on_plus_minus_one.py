# broken: ACT204,ACT203
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
y = torch.tensor([[-1.0], [1], [1], [-1]])
last = nn.Sigmoid() if sys.argv[1] == "broken" else nn.Tanh()
net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), last)
opt = torch.optim.SGD(net.parameters(), lr=0.3)
for epoch in range(1000):
    loss = nn.MSELoss()(net(X), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
