# broken: ACT804,ACT301
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(3)
centres = torch.randn(8, 20)


class Squared(nn.Module):
    def forward(self, x):
        return F.relu(x).square()


def batch():
    y = torch.randint(8, (64,))
    return centres[y] + torch.randn(64, 20), y


net = nn.Sequential(nn.Linear(20, 64), Squared(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 8))
if bad:
    with torch.no_grad():
        net[0].weight *= 60  # <-
        net[2].weight *= 6

opt = torch.optim.SGD(net.parameters(), lr=1e-4)
for step in range(200):
    x, y = batch()
    with torch.autocast("cpu", dtype=torch.float16):
        out = net(x)
    loss = F.cross_entropy(out.float(), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
