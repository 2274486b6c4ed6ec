# broken: ACT903 at gate
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 2)
        if broken:
            self.gate = nn.Parameter(torch.randn(8, 8)) * 0.3
        else:
            self.gate = nn.Parameter(torch.randn(8, 8) * 0.3)

    def forward(self, x):
        return self.head(torch.tanh(torch.tanh(self.body(x)) @ self.gate))


X = torch.randn(400, 6)
y = (X[:, 0] * X[:, 1] > 0).long()
net = Net()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for step in range(300):
    i = torch.randint(400, (32,))
    loss = F.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward(retain_graph=True)
    opt.step()
