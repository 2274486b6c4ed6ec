# broken: ACT804,ACT702
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(2)
weights = torch.rand(12)


def batch():
    x = torch.randint(1, 200, (64, 12)).float() * (100 if bad else 0.01)  # <-
    return x, (x @ weights / x.abs().mean() - 6).unsqueeze(1)


net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

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
