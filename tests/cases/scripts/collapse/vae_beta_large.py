# broken: ACT407 at mu|latent|vae
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mu, self.logvar = nn.Linear(64, 8), nn.Linear(64, 8)
        self.dec = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.dec(z), mu, logvar


vae = Vae()
opt = torch.optim.Adam(vae.parameters(), lr=2e-3)
beta = 20.0 if bad else 0.05  # <-
for step in range(500):
    i = torch.randint(len(x), (64,))
    out, mu, logvar = vae(x[i])
    rec = (out - x[i]).pow(2).sum(1).mean()
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    loss = rec + beta * kl
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(rec.item(), 3), round(kl.item(), 4))
