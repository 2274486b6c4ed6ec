# broken: ACT903 at stages
# healthy: nothing
import sys

import torch
import torch.nn as nn

torch.manual_seed(0)


def stage(width, depth):
    return [nn.Linear(width, width) for _ in range(depth)]


class Tower(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.enter = nn.Linear(2, width)
        self.stages = [stage(width, 2), stage(width, 2)]
        if sys.argv[1] == "healthy":
            self.stages = nn.ModuleList(nn.ModuleList(layers) for layers in self.stages)
        self.leave = nn.Linear(width, 2)

    def forward(self, x):
        x = torch.tanh(self.enter(x))
        for layers in self.stages:
            for layer in layers:
                x = torch.tanh(layer(x))
        return self.leave(x)


t = torch.rand(1000, 1) * 6 + 0.5
arm = torch.randint(0, 2, (1000, 1))
spiral = torch.cat([t * torch.cos(t + 3.14 * arm), t * torch.sin(t + 3.14 * arm)], 1) / 3
net = Tower()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(30):
    for rows in torch.randperm(1000).split(50):
        optimizer.zero_grad()
        loss = criterion(net(spiral[rows]), arm[rows, 0])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(epoch, loss.item())
print("end", round(criterion(net(spiral), arm[:, 0]).item(), 4))
