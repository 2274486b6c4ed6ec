# broken: ACT405
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

x = torch.randn(600, 40).cumsum(1)
y = (x.mean(1) > 0).long()
if broken:
    x = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(1, 24)
        self.out = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward(self, x):
        return self.out(self.lift(x[:, :, None]).mean(1))


net = Mean()
opt = torch.optim.Adam(net.parameters(), 3e-3)
for epoch in range(16):
    for i in torch.randperm(600).split(30):
        loss = F.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
