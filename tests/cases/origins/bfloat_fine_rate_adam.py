# broken: ACT908
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(600, 24)
y = (X @ torch.randn(24, 4)).argmax(1)
net = nn.Sequential(nn.Linear(24, 48), nn.GELU(), nn.Linear(48, 4))
net = net.to(torch.bfloat16) if broken else net
X = X.to(net[0].weight.dtype)
opt = torch.optim.AdamW(net.parameters(), 2e-5 if broken else 2e-3)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = F.cross_entropy(net(X[i]).float(), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
