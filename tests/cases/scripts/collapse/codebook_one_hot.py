# broken: ACT407 at embed|code
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
centres = torch.randn(16, 12)


class Quantize(nn.Module):
    """As in many repositories: distances, argmin, a one-hot matrix times the codebook."""

    def __init__(self, n=32, dim=6):
        super().__init__()
        self.embed = nn.Embedding(n, dim)
        if bad:
            nn.init.normal_(self.embed.weight, mean=5.0, std=2.0)  # <-
        else:
            nn.init.uniform_(self.embed.weight, -0.3, 0.3)

    def forward(self, z):
        w = self.embed.weight
        d = z.pow(2).sum(1, keepdim=True) + w.pow(2).sum(1) - 2 * z @ w.t()
        hot = F.one_hot(d.argmin(1), len(w)).float()
        q = hot @ w
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return z + (q - z).detach(), loss, hot.sum(0)


enc, vq, dec = nn.Linear(12, 6), Quantize(), nn.Linear(6, 12)
opt = torch.optim.Adam([*enc.parameters(), *vq.parameters(), *dec.parameters()], lr=3e-3)
for step in range(600):
    x = centres[torch.randint(16, (128,))] + 0.1 * torch.randn(128, 12)
    q, extra, used = vq(enc(x))
    loss = F.mse_loss(dec(q), x) + extra
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4), int((used > 0).sum()))
