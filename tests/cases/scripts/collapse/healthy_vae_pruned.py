# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)
# data with two degrees of freedom, a latent of eight: six may stay silent
w = torch.randn(2, 20)
enc, dec = (
    nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16)),
    nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 20)),
)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=2e-3)
for step in range(800):
    x = torch.tanh(torch.randn(64, 2) @ w)
    mu, logvar = enc(x).chunk(2, -1)
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
    rec = (dec(z) - x).pow(2).sum(1).mean() / (2 * 0.1**2)
    kl = 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1).mean()
    loss = rec / 20 + min(1.0, step / 300) * kl / 20
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
