# broken: ACT405 at net
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(500):
    i = torch.randint(len(x), (64,))
    a = net(x[i] + 0.1 * torch.randn(64, 64))
    b = net(x[i] + 0.1 * torch.randn(64, 64))
    if bad:
        loss = (a - b).pow(2).sum(1).mean()  # only pairs that belong together
    else:
        a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
        loss = F.cross_entropy(a @ b.T / 0.2, torch.arange(64))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 5))
