# broken: ACT604,ACT602,ACT203
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(400, 3)
y = X[:, :1] + 0.3 * torch.randn(400, 1)
net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(net.parameters(), 5e-3)
for step in range(400):
    i = torch.randint(400, (32,))
    out = net(X[i])
    mean, raw = out[:, :1], out[:, 1:]
    var = torch.relu(raw) if sys.argv[1] == "broken" else nn.functional.softplus(raw) + 1e-4
    loss = (torch.log(var) + (y[i] - mean) ** 2 / var).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
