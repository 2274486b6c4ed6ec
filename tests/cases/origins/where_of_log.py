# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(400, 8)
y = X[:, :1].abs()
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(400, (32,))
    out = F.softplus(net(X[i])) * (X[i, :1] > -1)
    inside = out if broken else out.clamp(min=1e-6)
    logs = torch.log(inside)  # <- fault
    term = torch.where(out > 0, logs, torch.zeros_like(out))
    loss = F.mse_loss(out + 0.1 * term, y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
