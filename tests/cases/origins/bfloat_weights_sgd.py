# broken: ACT908
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)
X = torch.randn(600, 12)
y = (X @ torch.randn(12, 3)).argmax(1)
net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))
net = net.bfloat16() if broken else net
X = X.bfloat16() if broken else X
opt = torch.optim.SGD(net.parameters(), 2e-3 if broken else 0.1)
for step in range(300):
    i = torch.randint(len(X), (32,))
    loss = F.cross_entropy(net(X[i]).float(), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
