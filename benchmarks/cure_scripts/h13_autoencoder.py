"""An autoencoder of digits with a sigmoid behind it. Healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(113)
X = torch.tensor(load_digits().data / 16).float()


class Autoencoder(nn.Module):
    def __init__(self, latent=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = Autoencoder()
opt = torch.optim.Adam(ae.parameters(), lr=5e-3)
mse = nn.MSELoss()
for epoch in range(15):
    for idx in torch.randperm(1500).split(50):
        opt.zero_grad()
        loss = mse(ae(X[idx]), X[idx])
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch}: train {loss.item():.4f} val {mse(ae(X[1500:]), X[1500:]).item():.4f}")
