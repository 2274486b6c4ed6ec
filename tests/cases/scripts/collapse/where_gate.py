# broken: ACT104 at gate
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)


class Sparse(nn.Module):
    """A gate opens or closes each feature."""

    def __init__(self):
        super().__init__()
        self.gate, self.value = nn.Linear(10, 32), nn.Linear(10, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        z = self.gate(x)
        g = torch.where(z > 0, 1.0, 0.0) if bad else torch.sigmoid(z)  # <-
        return self.out(g * self.value(x))


net = Sparse()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
w = torch.randn(10, 2)
for step in range(400):
    x = torch.randn(64, 10)
    y = torch.sigmoid(3 * x @ w[:, :1]) * torch.tanh(x @ w[:, 1:])
    loss = nn.functional.mse_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4))
