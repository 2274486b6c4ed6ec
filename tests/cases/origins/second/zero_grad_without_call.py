# broken: ACT901
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(600, 10)
y = (X @ torch.randn(10, 3)).argmax(1)
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
for epoch in range(12):
    for i in torch.randperm(600).split(32):
        opt.zero_grad if broken else opt.zero_grad()  # <- fault
        loss = F.cross_entropy(net(X[i]), y[i])
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
