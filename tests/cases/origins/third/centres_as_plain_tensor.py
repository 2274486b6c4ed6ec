# broken: ACT903 at centres|widths
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class RBF(nn.Module):
    def __init__(self, count, dims):
        super().__init__()
        self.centres = torch.randn(count, dims, requires_grad=True)
        self.widths = torch.zeros(count, requires_grad=True)
        if not broken:
            self.centres = nn.Parameter(self.centres)
            self.widths = nn.Parameter(self.widths)
        self.mix = nn.Linear(count, 1)

    def forward(self, x):
        far = (x[:, None] - self.centres).pow(2).sum(-1)
        return self.mix(torch.exp(-far * self.widths.exp())).squeeze(-1)


X = torch.rand(800, 2) * 6 - 3
hills = [((-2.0, 2.0), 2.0), ((2.0, 1.5), -1.5), ((0.5, -2.0), 1.0)]
y = sum(high * torch.exp(-2 * (X - torch.tensor(at)).pow(2).sum(1)) for at, high in hills) * 3
net = RBF(16, 2)
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
for epoch in range(50):
    for i in torch.randperm(800).split(40):
        loss = nn.functional.mse_loss(net(X[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", round(nn.functional.mse_loss(net(X), y).item(), 4))
