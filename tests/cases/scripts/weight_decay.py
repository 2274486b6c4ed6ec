# broken: ACT608
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
decay = 1.0 if sys.argv[1] == "broken" else 1e-4
opt = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=decay)
for step in range(500):
    i = torch.randint(len(X), (64,))
    loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
