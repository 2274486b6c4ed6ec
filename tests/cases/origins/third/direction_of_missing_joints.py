# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)


class Pose(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 48), nn.ReLU(), nn.Linear(48, 4))

    def forward(self, markers):
        return self.net(markers).view(-1, 2, 2)


markers = torch.randn(600, 6)
true = torch.stack([markers[:, :2], markers[:, 2:4] + 0.3], 1)
true = true / true.norm(dim=2, keepdim=True)
seen = (torch.rand(600, 2) > 0.2).float()
model = Pose()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    for i in torch.randperm(600).split(30):
        limbs = model(markers[i])
        if sys.argv[1] == "broken":
            limbs = limbs * seen[i].unsqueeze(-1)
        direction = limbs / limbs.pow(2).sum(2, keepdim=True).sqrt()  # <- fault
        loss = ((1 - (direction * true[i]).sum(2)) * seen[i]).sum() / seen[i].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", round(loss.item(), 4))
