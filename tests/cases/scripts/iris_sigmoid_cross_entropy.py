# broken: ACT203
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
iris = load_iris()
X = torch.tensor(iris.data, dtype=torch.float32)
y = torch.tensor(iris.target)
net = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
if sys.argv[1] == "broken":
    net.append(nn.Sigmoid())
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(200):
    opt.zero_grad()
    loss = nn.CrossEntropyLoss()(net(X), y)
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
