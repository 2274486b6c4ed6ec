# broken: ACT203 at out|head|net
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32)
x, y = (x - x.mean(0)) / x.std(0), torch.tensor(y, dtype=torch.float32)[:, None]
net = nn.Sequential(
    nn.Linear(30, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
    nn.Softmax(dim=1) if bad else nn.Sigmoid(),  # <-
)
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(30):
    for i in torch.randperm(len(x)).split(32):
        loss = nn.functional.binary_cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", float(loss))
