# broken: ACT405
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
ROUNDS = 40 if sys.argv[1] == "broken" else 2

people = 240
group = torch.arange(people) % 3
same = group[:, None] == group[None]
edges = (torch.rand(people, people) < torch.where(same, 0.12, 0.05)).float().triu(1)
edges = edges + edges.T + torch.eye(people)
spread = edges / edges.sum(1, keepdim=True)
facts = torch.randn(people, 12) + F.one_hot(group, 12).float() * 1.5


class GraphNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.enter = nn.Linear(12, width)
        self.rounds = nn.ModuleList(nn.Linear(width, width) for _ in range(ROUNDS))
        self.leave = nn.Linear(width, 3)

    def forward(self, x):
        h = F.relu(self.enter(x))
        for layer in self.rounds:
            h = F.relu(layer(spread @ h))
        return self.leave(h)


net = GraphNet()
for layer in net.rounds:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(150):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(facts), group)
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
