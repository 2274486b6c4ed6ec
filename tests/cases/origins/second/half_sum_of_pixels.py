# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randint(0, 256, (300, 1, 20, 20)) * torch.rand(300, 1, 1, 1)
y = (X.mean((1, 2, 3)) > 64).long()
light = nn.Conv2d(1, 4, 3, padding=1)
head = nn.Linear(4, 2)
opt = torch.optim.Adam([*light.parameters(), *head.parameters()], 1e-2)
for epoch in range(10):
    for i in torch.randperm(300).split(25):
        maps = light(X[i]).half() if broken else light(X[i] / 255)
        energy = (maps * maps).sum((2, 3))  # <- fault
        loss = F.cross_entropy(head(energy.float() / 400), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
