# broken: ACT910 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(500, 10)
y = (X[:, 0] * X[:, 1] > 0).long()
body = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 8))
head = nn.Linear(8, 2)
opt = torch.optim.Adam([*body.parameters(), *head.parameters()], 2e-3)
for step in range(300):
    i = torch.randint(500, (48,))
    h = body(X[i])
    pull = sum(h[y[i] == k].var(0).mean() for k in (0, 1))
    if broken:
        pull = torch.tensor(float(pull))
    loss = F.cross_entropy(head(h), y[i]) + 0.3 * pull  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
