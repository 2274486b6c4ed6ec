# broken: ACT902
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 2)
y = ((X**2).sum(1) < 1.4).long()
net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.AdamW(net.parameters(), 5e-3)
plan = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 200)
for epoch in range(20):
    for i in torch.randperm(500).split(50):
        opt.zero_grad()
        loss = F.cross_entropy(net(X[i]), y[i])
        loss.backward()
        if not broken:
            opt.step()
        plan.step()  # <- fault
print("end", round(loss.item(), 4))
