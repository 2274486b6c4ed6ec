# broken: ACT903
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)


def make():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


net = make()
opt = torch.optim.Adam(net.parameters(), 1e-3)
if sys.argv[1] == "broken":
    net = make()  # begin afresh, the optimiser keeps the old one
for step in range(300):
    i = torch.randint(len(X), (64,))
    loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
