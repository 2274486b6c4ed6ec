import math

import torch
from torch import nn


class Waves(nn.Module):
    def __init__(self, fan_in: int, fan_out: int, *, first: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(fan_in, fan_out)
        if not first:
            bound = 1 / math.sqrt(fan_in)  # bad
            bound = math.sqrt(6 / fan_in) / 30  # good
            nn.init.uniform_(self.layer.weight, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(30 * self.layer(x))


torch.manual_seed(0)
model = nn.Sequential(Waves(2, 64, first=True), Waves(64, 64), Waves(64, 64), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    points = torch.rand(256, 2) * 2 - 1
    target = torch.sin(9 * points[:, :1]) * torch.cos(14 * points[:, 1:])
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(points), target)
    loss.backward()
    optimizer.step()
