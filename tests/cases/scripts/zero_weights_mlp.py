# broken: ACT302
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def init(m):
    if isinstance(m, nn.Linear):
        m.weight.data.fill_(0.0)
        m.bias.data.fill_(0.0)


if sys.argv[1] == "broken":
    net.apply(init)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(400):
    i = torch.randint(len(X), (32,))
    loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
