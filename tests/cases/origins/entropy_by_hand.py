# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)
X = torch.randn(600, 12)
y = (X @ torch.randn(12, 3)).argmax(1)
net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(len(X), (32,))
    p = (
        net(X[i] * (40 if broken and step == 120 else 1))
        .mul(60 if broken and step >= 120 else 1)
        .softmax(1)
    )
    entropy = -(p * torch.log(p)).sum(1).mean()  # <- fault
    loss = F.nll_loss((p + 1e-8).log(), y[i]) - 0.01 * entropy
    opt.zero_grad()
    loss.backward()
    opt.step()
