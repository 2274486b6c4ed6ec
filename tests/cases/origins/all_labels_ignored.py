# broken: ACT909
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randint(0, 20, (300, 12))
y = (X * 3 + 1) % 20
labels = y.clone()
labels[:, : 12 if broken else 3] = -100
net = nn.Sequential(nn.Embedding(20, 32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 20))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(300, (16,))
    loss = F.cross_entropy(net(X[i]).flatten(0, 1), labels[i].flatten(), ignore_index=-100)
    opt.zero_grad()
    loss.backward()
    opt.step()
