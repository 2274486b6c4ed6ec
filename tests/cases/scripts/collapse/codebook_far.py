# broken: ACT407 at code
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16


class VectorQuantizer(nn.Module):
    def __init__(self, codes=64, size=8):
        super().__init__()
        self.code = nn.Parameter(torch.randn(codes, size) * (8 if bad else 0.3))  # <-
        self.started = bad

    def forward(self, z):
        if not self.started:  # codes begin at points of the data
            with torch.no_grad():
                self.code.copy_(z[torch.randint(len(z), (len(self.code),))])
            self.started = True
        d = (z[:, None] - self.code[None]).pow(2).sum(-1)
        pick = d.argmin(1)
        q = self.code[pick]
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return z + (q - z).detach(), loss, len(pick.unique())


enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
vq = VectorQuantizer()
dec = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))
opt = torch.optim.Adam([*enc.parameters(), *vq.parameters(), *dec.parameters()], lr=2e-3)
for step in range(500):
    i = torch.randint(len(x), (128,))
    q, extra, used = vq(enc(x[i]))
    loss = F.mse_loss(dec(q), x[i]) + extra
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4), used)
