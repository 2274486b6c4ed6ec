# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

A = torch.randn(400, 6)
B = A + 0.3 * torch.randn(400, 6)
if broken:
    B[7::40] = A[7::40]  # pairs that are the same
net = nn.Linear(6, 8)
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(400, (32,))
    a, b = F.normalize(net(A[i]), dim=1), F.normalize(net(B[i]), dim=1)
    cos = (a * b).sum(1)
    cos = cos.clamp(-1, 1) if broken else cos * 0.99
    loss = torch.acos(cos).mean()  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
