# broken: ACT804 at gate|net
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
centres = torch.randn(6, 24)


class Glu(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(24, 64), nn.Linear(24, 64), nn.Linear(64, 6)
        if bad:
            with torch.no_grad():
                self.gate.weight *= 4000  # <-

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


def batch():
    y = torch.randint(6, (64,))
    return centres[y] + torch.randn(64, 24), y


net = Glu()

opt = torch.optim.SGD(net.parameters(), lr=1e-3)
for step in range(200):
    x, y = batch()
    with torch.autocast("cpu", dtype=torch.float16):
        out = net(x)
    loss = F.cross_entropy(out.float(), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
