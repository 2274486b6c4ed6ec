# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

hours = torch.rand(500, 3) * (2000 if broken else 2)
seen = torch.poisson((hours / hours.max() * 2).sum(1, keepdim=True))
net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for epoch in range(20):
    for i in torch.randperm(500).split(25):
        score = net(hours[i])
        loss = (torch.exp(score) - seen[i] * score).mean()  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
