# broken: ACT301,ACT601
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
depth = 20 if sys.argv[1] == "broken" else 2
layers = [nn.Linear(64, 50), nn.LeakyReLU()]
for _ in range(depth):
    layers += [nn.Linear(50, 50), nn.LeakyReLU()]
net = nn.Sequential(*layers, nn.Linear(50, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for step in range(400):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
