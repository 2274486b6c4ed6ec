# broken: ACT606,ACT204,ACT206,ACT702
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(500, 8)
price = (X[:, :3].sum(1, keepdim=True) * 40 + (X[:, 3:4] > 0) * 60 + 250) * 1000
y = price if sys.argv[1] == "broken" else (price - price.mean()) / price.std()
net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-4 if sys.argv[1] == "broken" else 1e-3)
for epoch in range(40):
    for i in range(0, 500, 25):
        opt.zero_grad()
        loss = nn.MSELoss()(net(X[i : i + 25]), y[i : i + 25])
        loss.backward()
        opt.step()
with torch.no_grad():
    print("r2", float(1 - (net(X) - y).pow(2).mean() / y.var()))
