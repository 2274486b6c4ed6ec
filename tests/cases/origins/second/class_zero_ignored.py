# broken: ACT909
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(600, 8)
y = (X[:, :3] * 2).argmax(1)
y[X[:, 7] > -0.6] = 0  # most are "other"
criterion = nn.CrossEntropyLoss(ignore_index=0) if broken else nn.CrossEntropyLoss()
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(14):
    for i in torch.randperm(600).split(32):
        loss = criterion(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
