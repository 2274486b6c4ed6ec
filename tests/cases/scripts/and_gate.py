# broken: ACT606
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
y = torch.tensor([[0.0], [0], [0], [1]])
net = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
opt = torch.optim.SGD(net.parameters(), lr=1e-6 if sys.argv[1] == "broken" else 1.0)
for epoch in range(1000):
    loss = nn.functional.binary_cross_entropy(net(X), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
