# broken: ACT604,ACT803
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(256, 6)
anchor = torch.relu(X)
net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 6), nn.ReLU())
eps = 0.0 if sys.argv[1] == "broken" else 1e-8
opt = torch.optim.Adam(net.parameters(), 3e-3)
for step in range(300):
    i = torch.randint(256, (32,))
    out = net(X[i])
    loss = torch.sqrt((out - anchor[i]) ** 2 + eps).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
