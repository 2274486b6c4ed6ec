# broken: ACT407
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data / 8 - 1).float()


class VAE(nn.Module):
    """`skip`: the decoder is also given the features of the encoder, as in a U-Net."""

    def __init__(self, skip, latent=4):
        super().__init__()
        self.skip = skip
        self.down = nn.Linear(64, 48)
        self.mu, self.logvar = nn.Linear(48, latent), nn.Linear(48, latent)
        self.up = nn.Linear(latent, 48)
        self.out = nn.Linear(96 if skip else 48, 64)

    def forward(self, x):
        h = torch.relu(self.down(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (logvar / 2).exp()
        u = torch.relu(self.up(z))
        return self.out(torch.cat([u, h], 1) if self.skip else u), mu, logvar


model = VAE(skip=sys.argv[1] == "broken")
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(20):
    for i in torch.randperm(1750).split(50):
        made, mu, logvar = model(X[i])
        kl = (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1).mean() / 2
        loss = (made - X[i]).pow(2).sum(1).mean() + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", [round(v, 4) for v in model(X)[1].var(0).tolist()], "variance of the means")
