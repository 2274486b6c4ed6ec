# healthy: nothing
import torch
from torch import nn

torch.manual_seed(1)
X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
y = torch.tensor([[0.0], [1], [1], [0]])
net = nn.Sequential(nn.Linear(2, 6), nn.Sigmoid(), nn.Linear(6, 1), nn.Sigmoid())
opt = torch.optim.SGD(net.parameters(), lr=15)
for epoch in range(1500):
    loss = ((net(X) - y) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
