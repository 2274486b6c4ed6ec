# broken: ACT605,ACT602,ACT702
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
x = torch.arange(0, 100.0).view(-1, 1)
y = x**2
if sys.argv[1] == "healthy":
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
net = nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.01)
for epoch in range(500):
    loss = nn.MSELoss()(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
