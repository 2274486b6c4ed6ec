# broken: ACT208 at router
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


class Mixture(nn.Module):
    def __init__(self, experts=6):
        super().__init__()
        self.router = nn.Linear(64, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(64, 16), nn.GELU(), nn.Linear(16, 10)) for _ in range(experts)
        )

    def forward(self, x):
        logits = self.router(x)
        p = logits.softmax(-1)
        weight, pick = p.topk(2, dim=-1)
        every = torch.stack([e(x) for e in self.experts], 1)
        took = every.gather(1, pick[..., None].expand(-1, -1, 10))
        share = F.one_hot(pick, p.shape[-1]).float().mean((0, 1))
        again = F.softmax(p, dim=-1) if bad else p  # <-
        return (weight[..., None] * took).sum(1), p.shape[-1] * (share * again.mean(0)).sum()


net = Mixture()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    out, balance = net(x[i])
    loss = F.cross_entropy(out, y[i]) + 0.1 * balance
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
