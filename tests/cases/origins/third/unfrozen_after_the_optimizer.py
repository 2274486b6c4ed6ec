# broken: ACT903 at body
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn, optim

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU())
        self.head = nn.Linear(6, 10)

    def forward(self, x):
        return self.head(self.body(x))


net = Net()
for p in net.body.parameters():
    p.requires_grad = False
opt = optim.Adam(filter(lambda p: p.requires_grad, net.parameters()), lr=0.01)
for epoch in range(12):
    if epoch == 1:  # the head is warm: train everything
        for p in net.body.parameters():
            p.requires_grad = True
        if sys.argv[1] == "healthy":
            opt.add_param_group({"params": net.body.parameters()})
    for idx in torch.randperm(len(X)).split(64):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(X[idx]), y[idx])
        loss.backward()
        opt.step()
print("end", round(nn.functional.cross_entropy(net(X), y).item(), 4))
