# broken: ACT407 at mu|latent|stats|chunk
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


X = torch.tensor(load_digits().data, dtype=torch.float32) / 16


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 96), nn.ReLU())
        self.mu, self.logvar = nn.Linear(96, 6), nn.Linear(96, 6)
        self.dec = nn.Sequential(nn.Linear(6, 96), nn.ReLU(), nn.Linear(96, 64), nn.Sigmoid())

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        return self.dec(mu + torch.randn_like(mu) * (logvar / 2).exp()), mu, logvar


net = VAE()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(15):
    for i in torch.randperm(len(X)).split(64):
        out, mu, logvar = net(X[i])
        picture = F.binary_cross_entropy(out, X[i], reduction="mean" if broken else "sum")
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
        loss = picture + kl
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
