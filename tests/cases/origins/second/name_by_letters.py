# broken: ACT609 at i2h|hidden
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Letters(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.i2h = nn.Linear(12 + size, size)
        self.h2o = nn.Linear(size, 4)

    def forward(self, names):
        hidden = torch.zeros(len(names), self.size)
        for letter in names.unbind(1):
            hidden = torch.sigmoid(self.i2h(torch.cat([letter, hidden], 1)))
        return self.h2o(hidden)


length = 30 if broken else 2
net = Letters(32)
opt = torch.optim.Adam(net.parameters(), 5e-3)
for step in range(400):
    names = torch.randint(4, 12, (40, length))
    names[:, 0] = torch.randint(0, 4, (40,))
    loss = F.cross_entropy(net(F.one_hot(names, 12).float()), names[:, 0])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
