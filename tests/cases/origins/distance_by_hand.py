# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

A = torch.randn(400, 6)
B = A + torch.randn(400, 6)
near = torch.rand(400)
if broken:
    B[200] = A[200]
net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
opt = torch.optim.SGD(net.parameters(), 0.05)
for step in range(400):
    i = torch.arange(step, step + 16) % 400
    gap = net(A[i]) - net(B[i])
    far = (gap**2).sum(1).sqrt()  # <- fault
    loss = ((far - near[i]) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
