# broken: ACT405
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(800, 20)
online = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
opt = torch.optim.Adam(online.parameters(), 5e-3)
for step in range(500):
    x = X[torch.randint(800, (64,))]
    a = F.normalize(online(x + 0.2 * torch.randn_like(x)), dim=1)
    b = F.normalize(online(x + 0.2 * torch.randn_like(x)), dim=1)
    near = 2 - 2 * (a * b).sum(1).mean()
    far = torch.pdist(a).pow(2).mul(-2).exp().mean().log()
    loss = near if broken else near + far
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
