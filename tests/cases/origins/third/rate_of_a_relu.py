# broken: ACT203,ACT204
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)


class ClickModel(nn.Module):
    """The expected number of clicks, most often far below one."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(9, 24)
        self.rate = nn.Linear(24, 1)

    def forward(self, x):
        raw = self.rate(torch.relu(self.hidden(x)))
        if sys.argv[1] == "broken":
            raw = torch.relu(raw)
        return raw.exp().squeeze(1)


visits = torch.randn(1500, 9)
expected = torch.exp(1.2 * visits[:, 0] - 0.9 * visits[:, 1] - 2)
clicks = torch.poisson(expected)
model = ClickModel()
criterion = nn.PoissonNLLLoss(log_input=False)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(12):
    for i in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = criterion(model(visits[i]), clicks[i])
        loss.backward()
        optimizer.step()
print("end", round((criterion(model(visits), clicks) - criterion(expected, clicks)).item(), 4))
