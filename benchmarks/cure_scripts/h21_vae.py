"""A variational autoencoder of digits with warm-up of the divergence. Healthy."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(121)
X = torch.tensor(load_digits().data / 16).float()


class VAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.enc = nn.Linear(64, 64)
        self.stats = nn.Linear(64, 2 * latent)
        self.dec = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        mu, logvar = self.stats(F.relu(self.enc(x))).chunk(2, 1)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        return self.dec(z), mu, logvar


vae = VAE()
optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
for epoch in range(12):
    beta = min(1.0, (epoch + 1) / 5)
    for i in torch.randperm(1500).split(50):
        logits, mu, logvar = vae(X[i])
        rec = F.binary_cross_entropy_with_logits(logits, X[i], reduction="none").sum(1).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        loss = rec + beta * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} rec {rec.item():.2f} kl {kl.item():.2f}")
