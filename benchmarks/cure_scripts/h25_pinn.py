"""A differential equation, u' = -2u, u(0) = 1, by its residual. Healthy."""

import torch
from torch import nn

torch.manual_seed(125)
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
start = torch.zeros(1, 1)
for step in range(400):
    t = (torch.rand(64, 1) * 2).requires_grad_(True)
    u = net(t)
    (slope,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    residual = (slope + 2 * u).pow(2).mean()
    boundary = (net(start) - 1).pow(2).mean()
    loss = residual + 5 * boundary
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        with torch.no_grad():
            at = torch.linspace(0, 2, 50)[:, None]
            error = (net(at) - torch.exp(-2 * at)).abs().max().item()
        print(f"step {step + 1} loss {loss.item():.5f} error {error:.4f}")
