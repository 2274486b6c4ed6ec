# broken: ACT911
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randint(0, 2, (1000, 6)).float() * 2 - 1
y = (X[:, :3].prod(1) > 0).long()
encoder = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 6), nn.ReLU())
head = nn.Linear(6, 2)
for p in encoder.parameters():
    p.requires_grad_(not broken)
opt = torch.optim.Adam(
    [p for p in [*encoder.parameters(), *head.parameters()] if p.requires_grad], 5e-3
)
for step in range(500):
    i = torch.randint(1000, (50,))
    loss = F.cross_entropy(head(encoder(X[i])), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
