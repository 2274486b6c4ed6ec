# broken: ACT902,ACT903
# healthy: nothing
import copy
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


X = torch.randn(500, 8)
y = (X[:, 0] * X[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 2))
opt = torch.optim.Adam(model.parameters(), 3e-3)
best = copy.deepcopy(model)
if broken:
    model = copy.deepcopy(best)  # back to the best weights so far
for epoch in range(20):
    for i in torch.randperm(500).split(32):
        opt.zero_grad()
        loss = F.cross_entropy(model(X[i]), y[i])
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
