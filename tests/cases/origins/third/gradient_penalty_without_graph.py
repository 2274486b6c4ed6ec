# broken: ACT910 line
# healthy: nothing
import sys

import torch
from torch import autograd, nn

torch.manual_seed(0)
keep = sys.argv[1] == "healthy"

critic = nn.Sequential(nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3)


def penalty(real, fake):
    mix = torch.rand(len(real), 1)
    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
    score = critic(between).sum()
    if keep:
        (slope,) = autograd.grad(score, between, create_graph=True)
    else:
        (slope,) = autograd.grad(score, between, retain_graph=True)  # <- fault
    return ((slope.norm(2, dim=1) - 1) ** 2).mean(), slope


for step in range(400):
    real = torch.randn(64, 2) * 0.3 + 1
    fake = torch.randn(64, 2) * 0.3 - 1
    gp, slope = penalty(real, fake)
    loss = critic(fake).mean() - critic(real).mean() + 10 * gp
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(slope.norm(2, dim=1).mean().item(), 3), "slope of the critic, wanted 1")
