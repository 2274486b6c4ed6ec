# broken: ACT606
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
net = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), 1e-8 if sys.argv[1] == "broken" else 1e-3)
for step in range(500):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
