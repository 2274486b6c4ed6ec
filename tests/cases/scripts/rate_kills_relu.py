# broken: ACT605
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
X = torch.rand(256, 4) * 2 - 1
y = (X**2).sum(1, keepdim=True)
net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(net.parameters(), lr=3.0 if sys.argv[1] == "broken" else 0.05)
for step in range(500):
    i = torch.randint(256, (32,))
    loss = nn.functional.smooth_l1_loss(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
