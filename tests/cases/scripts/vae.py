# healthy: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
X = torch.tensor(load_digits().data, dtype=torch.float32) / 16
enc = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 8))
dec = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid())
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], 2e-3)
for step in range(400):
    x = X[torch.randint(len(X), (64,))]
    mu, logvar = enc(x).chunk(2, 1)
    z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    rec = F.binary_cross_entropy(dec(z), x, reduction="sum") / 64
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum() / 64
    loss = rec + kl
    opt.zero_grad()
    loss.backward()
    opt.step()
