# broken: ACT909,ACT203,ACT204
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
clamp = sys.argv[1] == "broken"


class Exposure(nn.Module):
    """Predicts the brightness of a pixel, in [0, 1], from what is around it."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.ELU(), nn.Linear(32, 1))
        nn.init.constant_(self.net[2].bias, -0.4)

    def forward(self, around):
        value = self.net(around)
        return value.clamp(0, 1) if clamp else value


around = torch.rand(900, 8)
pixel = (0.3 + around[:, :1] * around[:, 1:2] - 0.3 * around[:, 2:3]).clamp(0, 1)
model = Exposure()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.MSELoss()
for epoch in range(20):
    for i in torch.randperm(900).split(30):
        optimizer.zero_grad()
        loss = criterion(model(around[i]), pixel[i])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print("end", round(criterion(model(around), pixel).item() / pixel.var().item(), 4))
