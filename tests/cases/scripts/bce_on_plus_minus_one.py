# broken: ACT206,ACT204
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
d = load_breast_cancer()
X = torch.tensor(d.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(d.target, dtype=torch.float32).view(-1, 1)
if sys.argv[1] == "broken":
    y = y * 2 - 1
net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), 3e-3)
for epoch in range(20):
    for i in range(0, len(X), 32):
        loss = nn.BCEWithLogitsLoss()(net(X[i : i + 32]), y[i : i + 32])
        opt.zero_grad()
        loss.backward()
        opt.step()
