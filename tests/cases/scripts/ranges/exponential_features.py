# broken: ACT804
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(5)


def batch():
    x = torch.rand(64, 4) * 2 - 1
    return x, x.prod(1, keepdim=True)


class Exponential(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 48), nn.Linear(48, 1)

    def forward(self, x):
        h = F.softplus(self.first(x) * (20000.0 if bad else 1.0))  # <-
        return self.last(torch.tanh(h))


net = Exponential()

opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(200):
    x, y = batch()
    with torch.autocast("cpu", dtype=torch.float16):
        out = net(x)
    loss = F.mse_loss(out.float(), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
