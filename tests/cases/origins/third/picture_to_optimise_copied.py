# broken: ACT903,ACT902
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 8 - 1).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for i in torch.randperm(1750).split(50):
        loss = F.cross_entropy(net(X[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("network", round(loss.item(), 4))

net.requires_grad_(False)
picture = torch.zeros(10, 64, requires_grad=True)  # one picture that looks like each digit
held = picture.detach().clone().requires_grad_() if sys.argv[1] == "broken" else picture
optimizer = torch.optim.Adam([held], lr=0.05)
for step in range(150):
    loss = F.cross_entropy(net(picture), torch.arange(10)) + 0.001 * picture.pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
