# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(400, 16)
if broken:
    X[3::60] *= 400
enc, dec = nn.Linear(16, 8), nn.Linear(4, 16)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], 1e-3)
for step in range(300):
    i = torch.randint(400, (32,))
    mu, logvar = enc(X[i]).chunk(2, 1)
    std = torch.exp(logvar)  # <- fault
    z = mu + std.sqrt() * torch.randn_like(std)
    kl = -0.5 * (1 + logvar - mu.pow(2) - std).sum(1).mean()
    loss = F.smooth_l1_loss(dec(z), X[i]) + 0.01 * kl
    opt.zero_grad()
    loss.backward()
    opt.step()
