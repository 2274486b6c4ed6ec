# broken: ACT604 line
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


X, y = load_breast_cancer(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
net = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
opt = torch.optim.Adam(net.parameters(), 2e-2)
for epoch in range(60):
    for i in torch.randperm(len(X)).split(32):
        p = net(X[i])[:, 0]
        if not broken:
            p = p.clamp(1e-6, 1 - 1e-6)
        loss = -(y[i] * p.log() + (1 - y[i]) * (1 - p).log()).mean()  # <- fault
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
