# broken: ACT101
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(48, 96), nn.Linear(96, 48)

    def forward(self, x):
        h = self.a(x)
        if sys.argv[1] == "healthy":
            h = torch.relu(h)
        return x + self.b(h)


net = nn.Sequential(nn.Linear(64, 48), Block(), Block(), nn.Linear(48, 10))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(300):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
