# broken: ACT601,ACT402,ACT501
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
# which of two symbols stood at the very beginning of the sequence?
n = 30 if sys.argv[1] == "broken" else 3
X = torch.randint(0, 2, (400, n)).float()
y = X[:, 0].long()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.h, self.o = nn.Linear(1, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x):
        h = torch.zeros(len(x), 16)
        for t in range(x.shape[1]):
            h = torch.sigmoid(self.i(x[:, t : t + 1]) + self.h(h))
        return self.o(h)


net = Net()
opt = torch.optim.Adam(net.parameters(), 0.01)
for step in range(300):
    i = torch.randint(400, (40,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
