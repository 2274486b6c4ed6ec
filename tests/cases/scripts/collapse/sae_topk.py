# broken: ACT407,ACT401 at enc|sae
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
directions = torch.randn(64, 32)


def acts(n=256):
    on = (torch.rand(n, 64) < 0.08).float() * (0.5 + torch.rand(n, 64))
    return on @ directions + (4.0 if bad else 0.0)


class TopKSae(nn.Module):
    def __init__(self, latents=256, k=6):
        super().__init__()
        self.k, latents = k, latents if bad else 128
        self.enc, self.dec = nn.Linear(32, latents), nn.Linear(latents, 32)
        with torch.no_grad():
            self.dec.weight.copy_(self.enc.weight.t())

    def forward(self, x):
        z = self.enc(x)
        top, where = z.topk(self.k, dim=-1)  # <-
        f = torch.zeros_like(z).scatter(-1, where, top.relu())
        return self.dec(f), f


sae = TopKSae()
opt = torch.optim.Adam(sae.parameters(), lr=2e-3)
for step in range(500):
    x = acts()
    out, f = sae(x)
    loss = (out - x).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4), int((f > 0).any(0).sum()))
