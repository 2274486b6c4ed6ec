# broken: ACT104 at body
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 8 - 1, torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Hardtanh())
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        h = self.body(x)
        s = torch.sign(h)  # <-
        if not bad:
            s = h + (s - h).detach()
        return self.head(s)


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    loss = nn.functional.cross_entropy(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(x[1700:]).argmax(1) == y[1700:]).float().mean()))
