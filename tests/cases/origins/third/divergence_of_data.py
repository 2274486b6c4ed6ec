# broken: ACT910 line
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
X = torch.tensor(load_digits().data / 16).float()


class VAE(nn.Module):
    def __init__(self, latent=6):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mu, self.logvar = nn.Linear(64, latent), nn.Linear(64, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.decoder(z), mu, logvar


def divergence(mu, logvar):
    if sys.argv[1] == "broken":
        mu, logvar = mu.data, logvar.data  # <- fault
    return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(20):
    for i in torch.randperm(1750).split(50):
        reconstruction, mu, logvar = model(X[i])
        misses = F.mse_loss(reconstruction, X[i], reduction="none").sum(1).mean() * 10
        distance = divergence(mu, logvar)
        loss = misses + distance
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", round(distance.item(), 3))
