"""An autoencoder of standardised digits. Sick: ReLU behind the decoder. Goal: loss 0.35."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(44)
X = torch.tensor(load_digits().data).float()
X = (X - X.mean(0)) / (X.std(0) + 1e-6)


class Autoencoder(nn.Module):
    def __init__(self, latent=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 48), nn.ReLU(), nn.Linear(48, 64), nn.ReLU())

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = Autoencoder()
opt = torch.optim.Adam(ae.parameters(), lr=5e-3)
mse = nn.MSELoss()
best = float("inf")
for epoch in range(12):
    ae.train()
    for idx in torch.randperm(1500).split(50):
        opt.zero_grad()
        loss = mse(ae(X[idx]), X[idx])
        loss.backward()
        opt.step()
    ae.eval()
    with torch.no_grad():
        val = mse(ae(X[1500:]), X[1500:]).item()
    best = min(best, val)
    print(f"epoch {epoch}: train {loss.item():.4f} val {val:.4f} best {best:.4f}")
