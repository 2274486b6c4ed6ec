# broken: ACT203,ACT204,ACT104
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(600, 6)
y = X @ torch.randn(6, 1) * 0.4
net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 2e-3)
for step in range(400):
    i = torch.randint(600, (50,))
    out = net(X[i])
    if broken:
        out = F.normalize(out, dim=1)  # <- fault
    loss = F.mse_loss(out, y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
