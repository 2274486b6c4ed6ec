# broken: ACT203,ACT204 at 2|4|out
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
# steering between -1 and 1
act = nn.Sequential(nn.ReLU(), nn.Tanh()) if bad else nn.Tanh()  # <-
net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1), act)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
w = torch.randn(5, 1)
for step in range(400):
    x = torch.randn(64, 5)
    loss = nn.functional.mse_loss(net(x), torch.sin(x @ w) * 0.9)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4))
