# broken: ACT303,ACT401
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
for depth in range(5):
    layer = nn.Linear(16 if depth == 0 else 48, 48)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.constant_(layer.bias, -2.5 if broken else 0.0)
    layers += [layer, nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(48, 4))
opt = torch.optim.SGD(net.parameters(), 0.05)
for step in range(400):
    i = torch.randint(800, (64,))
    loss = F.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
