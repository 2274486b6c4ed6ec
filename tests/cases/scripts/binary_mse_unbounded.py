# broken: ACT203,ACT206
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(20, 2)
y = (X[:, :1] * X[:, 1:] > 0).float()
net = nn.Sequential(nn.Linear(2, 10), nn.Tanh(), nn.Linear(10, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.3)
for epoch in range(800):
    p = net(X)
    if sys.argv[1] == "healthy":
        loss = nn.BCELoss()(torch.sigmoid(p), y)
    else:
        # a probability that nothing keeps between 0 and 1
        q = p.clamp(1e-6, 1 - 1e-6)
        loss = -(y * q.log() + (1 - y) * (1 - q).log()).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
