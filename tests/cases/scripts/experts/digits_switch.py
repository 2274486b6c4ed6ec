# broken: ACT406 at router
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 8 - 1, torch.tensor(y)
EXPERTS = 8


class Switch(nn.Module):
    """One expert for each row, as in the Switch transformer."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(64, EXPERTS)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)) for _ in range(EXPERTS)
        )
        if bad:
            with torch.no_grad():
                self.router.weight *= 8

    def forward(self, x):
        p = self.router(x).softmax(-1)
        weight, pick = p.max(-1)  # <-
        every = torch.stack([e(x) for e in self.experts], 1)
        took = every.gather(1, pick[:, None, None].expand(-1, 1, 10))[:, 0]
        share = F.one_hot(pick, EXPERTS).float().mean(0)
        return weight[:, None] * took, EXPERTS * (share * p.mean(0)).sum()


net = Switch()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    out, balance = net(x[i])
    loss = F.cross_entropy(out, y[i]) + (0.0 if bad else 0.05) * balance
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
