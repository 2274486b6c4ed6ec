# broken: ACT903 at basis
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Waves(nn.Module):
    """A periodic signal as a sum of waves, whose frequencies are learnt."""

    def __init__(self, count=3):
        super().__init__()
        start = torch.linspace(1.6, 3.4, count, dtype=torch.float64)
        if sys.argv[1] == "broken":
            self.basis = nn.Parameter(start).to(torch.float32)
        else:
            self.basis = nn.Parameter(start.to(torch.float32))
        self.mix = nn.Linear(2 * count, 1)

    def forward(self, t):
        phase = t * self.basis
        return self.mix(torch.cat([phase.sin(), phase.cos()], 1))


t = torch.rand(600, 1) * 10
y = torch.sin(1.9 * t) + 0.7 * torch.cos(3.15 * t + 1) + 0.4 * torch.sin(2.45 * t)
model = Waves()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(40):
    for i in torch.randperm(600).split(40):
        optimizer.zero_grad()
        loss = F.mse_loss(model(t[i]), y[i])
        loss.backward()
        optimizer.step()
print("end", round(F.mse_loss(model(t), y).item(), 5))
