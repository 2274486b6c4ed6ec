# broken: ACT908 at body|0|2
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
        self.body = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU())
        self.head = nn.Linear(64, 4)
        if broken:
            self.body.to(torch.bfloat16)

    def forward(self, x):
        kind = self.body[0].weight.dtype
        return self.head(self.body(x.to(kind)).float())


X = torch.randn(800, 16)
y = (X[:, :4] * X[:, 4:8]).argmax(1)
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=1e-3 if broken else 0.2, momentum=0.0)
for epoch in range(15):
    for i in torch.randperm(800).split(32):
        loss = F.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
