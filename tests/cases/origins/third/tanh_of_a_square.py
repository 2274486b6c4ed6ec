# broken: ACT203,ACT204
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)


class Steering(nn.Module):
    def __init__(self, rays=16):
        super().__init__()
        self.look = nn.Linear(rays, 32)
        self.think = nn.Linear(32, 32)
        self.turn = nn.Linear(32, 1)

    def forward(self, view):
        h = nn.functional.gelu(self.look(view))
        h = nn.functional.gelu(self.think(h))
        wheel = self.turn(h)
        if sys.argv[1] == "broken":
            wheel = wheel**2
        return torch.tanh(wheel)


def demonstrate(count=1200):
    view = torch.rand(count, 16)
    left, right = view[:, :8].mean(1), view[:, 8:].mean(1)
    return view, torch.tanh(8 * (right - left)).unsqueeze(1)


view, wheel = demonstrate()
policy = Steering()
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
for epoch in range(15):
    for batch in torch.randperm(1200).split(40):
        loss = nn.functional.l1_loss(policy(view[batch]), wheel[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", round(nn.functional.l1_loss(policy(view), wheel).item(), 4))
