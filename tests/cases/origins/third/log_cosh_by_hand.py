# broken: ACT604 line
# healthy: nothing
import math
import sys

import torch
from torch import nn

torch.manual_seed(0)


class LogCosh(nn.Module):
    def forward(self, predicted, wanted):
        miss = predicted - wanted
        if sys.argv[1] == "broken":
            return torch.log(torch.cosh(miss)).mean()  # <- fault
        return (miss + nn.functional.softplus(-2 * miss) - math.log(2)).mean()


X = torch.randn(1000, 6)
y = 2 * X[:, 0] + X[:, 1] * X[:, 2]
y[700] += 150  # one reading is wrong
net = nn.Sequential(nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
criterion = LogCosh()
for epoch in range(15):
    for i in torch.arange(1000).view(25, 40)[torch.randperm(25)]:
        optimizer.zero_grad()
        loss = criterion(net(X[i]).squeeze(1), y[i])
        loss.backward()
        optimizer.step()
print("end", round(criterion(net(X[:700]).squeeze(1), y[:700]).item(), 4))
