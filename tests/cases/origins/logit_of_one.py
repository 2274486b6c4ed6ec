# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 8)
p = torch.sigmoid(X[:, 0])
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(500, (32,))
    out = net(X[i]).squeeze(1)
    share = out.clamp(0, 1) if broken else out.sigmoid() * 0.98 + 0.01
    score = torch.log(share / (1 - share))  # <- fault
    loss = F.mse_loss(score, torch.logit(p[i], 0.02))
    opt.zero_grad()
    loss.backward()
    opt.step()
