# broken: ACT407,ACT401,ACT303 at enc|sae
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
# activations of another model: sparse sums of directions, and a large mean
directions = torch.randn(48, 24)
offset = 6 * torch.randn(24) if bad else torch.zeros(24)


def acts(n=256):
    on = (torch.rand(n, 48) < 0.06).float() * torch.rand(n, 48)
    return on @ directions + offset


class Sae(nn.Module):
    def __init__(self, latents=96):
        super().__init__()
        self.enc, self.dec = nn.Linear(24, latents), nn.Linear(latents, 24)
        with torch.no_grad():
            self.dec.weight.copy_(self.enc.weight.t())

    def forward(self, x):
        f = self.enc(x).relu()
        return self.dec(f), f


sae = Sae()
opt = torch.optim.Adam(sae.parameters(), lr=2e-3)
for step in range(500):
    x = acts()
    out, f = sae(x)
    loss = (out - x).pow(2).mean() + 3e-3 * f.abs().sum(1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4), int((f > 0).any(0).sum()))
