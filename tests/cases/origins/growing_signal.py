# broken: ACT301
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randn(800, 16)
y = (X @ torch.randn(16, 4)).argmax(1)
layers = []
for depth in range(6):
    layer = nn.Linear(16 if depth == 0 else 64, 64)
    nn.init.normal_(layer.weight, std=0.8 if broken else (2 / layer.in_features) ** 0.5)
    layers += [layer, nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(64, 4))
opt = torch.optim.SGD(net.parameters(), 0.02)
for step in range(400):
    i = torch.randint(800, (64,))
    loss = F.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
