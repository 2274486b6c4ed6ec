# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(300, 8, 16)
y = (X[:, 0, 0] > 0).long()
lengths = torch.randint(1, 9, (300,))
if broken:
    lengths[11::60] = 0  # empty sequences
q, k, v, head = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 2)
opt = torch.optim.Adam([p for m in (q, k, v, head) for p in m.parameters()], 1e-3)
for step in range(200):
    i = torch.randint(300, (32,))
    scores = q(X[i]) @ k(X[i]).transpose(1, 2) / 4
    pad = torch.arange(8) >= lengths[i, None]
    scores = scores.masked_fill(pad[:, None, :], float("-inf"))
    weights = scores.softmax(2)  # <- fault
    loss = F.cross_entropy(head((weights @ v(X[i])).mean(1)), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
