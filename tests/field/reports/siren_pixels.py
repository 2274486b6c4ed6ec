import math
import torch
from torch import nn

torch.manual_seed(0)
SIDE = 32

# a small picture to fit
yy, xx = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
u, v = xx / SIDE, yy / SIDE
picture = 0.5 * torch.sin(12 * u) * torch.cos(9 * v) + 0.5 * ((u - 0.5) ** 2 + (v - 0.5) ** 2 < 0.1).float()
coords = torch.stack([xx, yy], -1).reshape(-1, 2).float()
target = picture.reshape(-1, 1)
held = torch.rand(len(coords)) < 0.1


class Sine(nn.Module):
    def __init__(self, n_in, n_out, first=False, omega=30.0):
        super().__init__()
        self.omega = omega
        self.linear = nn.Linear(n_in, n_out)
        bound = 1 / n_in if first else math.sqrt(6 / n_in) / omega
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.omega * self.linear(x))


siren = nn.Sequential(Sine(2, 64, first=True), Sine(64, 64), Sine(64, 64), nn.Linear(64, 1))
opt = torch.optim.Adam(siren.parameters(), lr=1e-3)
for step in range(601):
    loss = ((siren(coords[~held]) - target[~held]) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        with torch.no_grad():
            rest = ((siren(coords[held]) - target[held]) ** 2).mean() / target.var()
        print(f"step {step} loss {loss.item():.5f} of variance {target.var():.4f}, held-out pixels {rest.item():.3f}")
