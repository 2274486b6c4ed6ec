# broken: ACT804,ACT301
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(1)
centres = torch.randn(5, 16) * 2


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, x):
        return x + self.down(F.gelu(self.up(x))) * (9.0 if bad else 1.0)  # <-


def batch():
    y = torch.randint(5, (64,))
    return centres[y] + torch.randn(64, 16), y


net = nn.Sequential(nn.Linear(16, 32), *(Block() for _ in range(9)), nn.Linear(32, 5))

opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(200):
    x, y = batch()
    with torch.autocast("cpu", dtype=torch.float16):
        out = net(x)
    loss = F.cross_entropy(out.float(), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
