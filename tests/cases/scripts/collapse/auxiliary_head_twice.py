# broken: ACT208,ACT201 at aux
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.low = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.high = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.aux, self.head = nn.Linear(64, 10), nn.Linear(64, 10)

    def forward(self, x):
        h = self.low(x)
        side = self.aux(h)
        if bad:
            side = side.softmax(-1)  # <-
        return self.head(self.high(h)), side


net = Deep()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    out, side = net(x[i])
    loss = F.cross_entropy(out, y[i]) + 0.4 * F.cross_entropy(side, y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
