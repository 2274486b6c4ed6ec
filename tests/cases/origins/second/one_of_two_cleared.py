# broken: ACT901
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(600, 10)
y = X[:, :1] * X[:, 1:2] + X[:, 2:3]
body = nn.Sequential(nn.Linear(10, 48), nn.Tanh())
head = nn.Linear(48, 1)
body_opt = torch.optim.Adam(body.parameters(), 2e-3)
head_opt = torch.optim.SGD(head.parameters(), 0.02)
for epoch in range(16):
    for i in torch.randperm(600).split(32):
        loss = F.mse_loss(head(body(X[i])), y[i])
        body_opt.zero_grad()
        if not broken:
            head_opt.zero_grad()
        loss.backward()
        body_opt.step()
        head_opt.step()  # <- fault
print("end", round(loss.item(), 4))
