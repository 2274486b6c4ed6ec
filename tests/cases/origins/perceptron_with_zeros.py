# broken: ACT909
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 8)
label = (X[:, 0] > 0.2).float()
sign = label if broken else label * 2 - 1
net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = F.relu(0.5 - sign[i] * net(X[i]).squeeze(1)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
