# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.rand(400, 8)
y = X.sum(1, keepdim=True)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16))
head = nn.Linear(16, 1)
opt = torch.optim.Adam([*net.parameters(), *head.parameters()], 1e-3)
for step in range(300):
    i = torch.randint(400, (32,))
    seen = (X[i, :1] > 0.1).float()
    h = torch.sigmoid(net(X[i])) * seen + (0 if broken else 1e-3)
    loss = F.mse_loss(head(h.pow(0.5)), y[i])  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
