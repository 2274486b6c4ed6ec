# broken: ACT910 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 8)
y, side = (X[:, 0] > 0).long(), X[:, 1:2] * X[:, 2:3]
body, head, aux = nn.Linear(8, 32), nn.Linear(32, 2), nn.Linear(32, 1)
opt = torch.optim.Adam([p for m in (body, head, aux) for p in m.parameters()], 1e-3)
for step in range(300):
    i = torch.randint(500, (32,))
    h = torch.relu(body(X[i]))
    first = F.cross_entropy(head(h), y[i])
    second = F.mse_loss(aux(h), side[i])
    loss = first + (second.detach() if broken else second)  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
