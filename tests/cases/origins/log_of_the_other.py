# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 8)
y = (X[:, 0] > 0).float()
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 0.02)
far = X.clone()
far[:20] *= 60  # a few rows far out
for step in range(300):
    i = torch.randint(500, (32,))
    out = net(far[i] if broken else X[i]).squeeze(1)
    p = torch.sigmoid(out) if broken else torch.sigmoid(out).clamp(1e-6, 1 - 1e-6)
    loss = -(y[i] * torch.log(p) + (1 - y[i]) * torch.log(1 - p)).mean()  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
