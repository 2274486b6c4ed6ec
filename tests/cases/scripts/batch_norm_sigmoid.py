# healthy: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
net = nn.Sequential(
    nn.Linear(64, 48),
    nn.BatchNorm1d(48),
    nn.Sigmoid(),
    nn.Linear(48, 48),
    nn.BatchNorm1d(48),
    nn.Sigmoid(),
    nn.Linear(48, 10),
)
opt = torch.optim.SGD(net.parameters(), lr=0.5)
for step in range(300):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
