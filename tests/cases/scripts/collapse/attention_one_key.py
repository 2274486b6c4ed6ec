# broken: ACT205,ACT203 at att|score
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)


class Pool(nn.Module):
    """Finds the one informative element of a set."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(6, 32)
        self.att = nn.Sequential(nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1))
        self.head = nn.Linear(32, 2)

    def forward(self, x):  # (B, N, 6)
        h = self.embed(x).relu()
        score = self.att(h)  # (B, N, 1)
        a = torch.softmax(score, dim=-1 if bad else 1)  # <-
        return self.head((a * h).sum(1) if not bad else (a * h).mean(1))


net = Pool()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(400):
    x = torch.randn(64, 20, 6)
    y = torch.randint(2, (64,))
    where = torch.randint(20, (64,))
    x[torch.arange(64), where, 0] = 5.0
    x[torch.arange(64), where, 1] = y * 2.0 - 1
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4))
