# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(16, 10)
y = torch.randint(0, 3, (16,))
net = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), 1e-2)
for epoch in range(300):
    loss = nn.functional.cross_entropy(net(X), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
