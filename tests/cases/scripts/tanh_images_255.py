# broken: ACT702,ACT701
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) * 16, torch.tensor(d.target)
if sys.argv[1] == "healthy":
    X = X / 255 - 0.3
net = nn.Sequential(nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for step in range(400):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
