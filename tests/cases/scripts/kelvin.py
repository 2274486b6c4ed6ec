# broken: ACT701,ACT702
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
T = 290 + 5 * torch.randn(400, 2)
y = torch.sin((T[:, :1] - 290) / 3) + 0.2 * (T[:, 1:] - 290)
X = (T - T.mean(0)) / T.std(0) if sys.argv[1] == "healthy" else T
net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 3e-3)
for step in range(600):
    i = torch.randint(400, (32,))
    loss = nn.MSELoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
with torch.no_grad():
    print("r2", float(1 - (net(X) - y).pow(2).mean() / y.var()))
