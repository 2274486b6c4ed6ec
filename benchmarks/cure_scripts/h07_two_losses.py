"""An encoder with a decoder and a classifier, two losses. Healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(18)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)


class Multi(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64))
        self.classifier = nn.Linear(32, 10)

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z), self.classifier(z)


def compute_loss(model, x, y, alpha=1.0):
    recon, logits = model(x)
    rec_loss = nn.functional.mse_loss(recon, x)
    cls_loss = nn.functional.cross_entropy(logits, y)
    return rec_loss + alpha * cls_loss, rec_loss, cls_loss


model = Multi()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    for idx in torch.randperm(1500).split(50):
        total, rec, cls = compute_loss(model, X[idx], Y[idx])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    with torch.no_grad():
        _, vr, vc = compute_loss(model, X[1500:], Y[1500:])
    print(f"{epoch} rec {rec:.3f} cls {cls:.3f} val_rec {vr:.3f} val_cls {vc:.3f}")
