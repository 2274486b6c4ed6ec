# broken: ACT905,ACT904
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class HyperNet(nn.Module):
    """Makes the weights of a small regression from a description of the task."""

    def __init__(self, task=3, inner=10):
        super().__init__()
        self.inner = inner
        self.maker = nn.Sequential(nn.Linear(task, 64), nn.ReLU(), nn.Linear(64, 3 * inner))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, task, x):
        made = self.maker(task)
        w1, b1, w2 = made.split(self.inner)
        if sys.argv[1] == "broken":
            w1, b1, w2 = nn.Parameter(w1), nn.Parameter(b1), nn.Parameter(w2)
        return torch.tanh(x[:, None] * w1 + b1) @ w2 + self.bias


net = HyperNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
recent = []
for step in range(900):
    task = torch.rand(3) * 2 - 1
    x = torch.rand(40) * 4 - 2
    y = task[0] * x + task[1] * torch.tanh(2 * x) + task[2]
    loss = F.mse_loss(net(task, x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    recent.append(loss.item())
print("end", round(sum(recent[-100:]) / 100, 4))
