# broken: ACT203,ACT204
# healthy: nothing
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
rng = np.random.default_rng(1)
days = rng.normal(size=(800, 10)).astype("float32")
returns = (days[:, 0] * days[:, 1] - 0.8 * np.abs(days[:, 2]) + 0.3).astype("float32")


class Forecaster(nn.Module):
    def __init__(self, positive):
        super().__init__()
        self.positive = positive
        self.trunk = nn.Sequential(nn.Linear(10, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.head = nn.Linear(48, 1)

    def forward(self, x):
        out = self.head(self.trunk(x)).squeeze(-1)
        return F.softplus(out) if self.positive else out


x, y = torch.from_numpy(days), torch.from_numpy(returns)
model = Forecaster(sys.argv[1] == "broken")
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(20):
    for rows in torch.randperm(len(x)).split(32):
        optimizer.zero_grad(set_to_none=True)
        loss = F.mse_loss(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print("end", round(F.mse_loss(model(x), y).item() / y.var().item(), 4))
