# broken: ACT908
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


X, y = load_wine(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
X = (X - X.mean(0)) / X.std(0)
net = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
# the paper says 10 to the minus 3
opt = torch.optim.SGD(net.parameters(), lr=10**-10 if broken else 10**-1)
for epoch in range(60):
    for i in torch.randperm(len(X)).split(30):
        loss = F.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
