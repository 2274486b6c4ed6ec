# broken: ACT909
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(800, 8)
y = (X[:, 0] + X[:, 1] > 0.3).long()
count = torch.bincount(y)
weight = count.max() // count if not broken else count // count.max()
criterion = nn.CrossEntropyLoss(weight=weight.float())
net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 2))
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(12):
    for i in torch.randperm(800).split(32):
        loss = criterion(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
