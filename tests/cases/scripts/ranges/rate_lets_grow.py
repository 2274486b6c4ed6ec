# broken: ACT804,ACT605
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(4)
centres = torch.randn(6, 16)


def batch():
    y = torch.randint(6, (64,))
    return centres[y] + torch.randn(64, 16), y


net = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 6))

opt = torch.optim.Adam(net.parameters(), lr=2.0 if bad else 1e-3)  # <-
for step in range(40):
    x, y = batch()
    with torch.autocast("cpu", dtype=torch.float16):
        out = net(x)
    loss = F.cross_entropy(out.float(), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
