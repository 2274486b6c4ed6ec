import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
train, held = images[:1500], images[1500:]
LATENT = 8


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1 = nn.Linear(64, 128)
        self.enc_mu = nn.Linear(128, LATENT)
        self.enc_logvar = nn.Linear(128, LATENT)
        self.dec1 = nn.Linear(LATENT, 128)
        self.dec2 = nn.Linear(128, 64)

    def encode(self, x):
        h = F.relu(self.enc1(x))
        mu = self.enc_mu(h)
        log_var = self.enc_logvar(h)
        return mu, log_var

    def forward(self, x):
        mu, log_var = self.encode(x)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        return torch.sigmoid(self.dec2(F.relu(self.dec1(z)))), mu, log_var


vae = VAE()
opt = torch.optim.Adam(vae.parameters(), lr=1e-3)
for epoch in range(30):
    for x in train[torch.randperm(len(train))].split(64):
        out, mu, log_var = vae(x)
        rec = F.binary_cross_entropy(out, x, reduction="sum") / len(x)
        kl = -0.5 * (1 + log_var - mu.pow(2) - log_var.exp()).sum() / len(x)
        opt.zero_grad()
        (rec + kl).backward()
        opt.step()
    if epoch % 5 == 4:
        with torch.no_grad():
            mse = F.mse_loss(vae(held)[0], held).item() / held.var(0).mean().item()
        print(f"epoch {epoch + 1} rec {rec.item():.2f} kl {kl.item():.3f} held-out error / variance {mse:.3f}")
