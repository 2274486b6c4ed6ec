# broken: ACT910 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(400, 4) @ torch.randn(4, 16)
enc, dec = nn.Linear(16, 8), nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 16))
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], 1e-3)
for step in range(300):
    x = X[torch.randint(400, (64,))]
    mu, logvar = enc(x).chunk(2, 1)
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
    out = dec(z)
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
    rec = F.mse_loss(out, x)
    loss = (rec.item() if broken else rec) + 0.01 * kl  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
