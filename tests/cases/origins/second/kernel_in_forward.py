# broken: ACT905
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Filter(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(0.2 * torch.randn(8, 1, 5))
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        kernel = nn.Parameter(0.2 * torch.randn(8, 1, 5)) if broken else self.kernel
        return self.out(F.conv1d(x, kernel).relu().mean(2))


net = Filter()
opt = torch.optim.Adam(net.parameters(), 5e-3)
for step in range(300):
    x = torch.randn(40, 1, 30)
    y = (x[:, :, 1:] * x[:, :, :-1]).mean(2)
    loss = F.mse_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
