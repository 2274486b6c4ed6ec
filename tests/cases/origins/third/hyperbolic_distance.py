# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
EPS = 0.0 if sys.argv[1] == "broken" else 1e-5


class Poincare(nn.Module):
    """A tree in the hyperbolic disc: parents near their children."""

    def __init__(self, nodes):
        super().__init__()
        self.table = nn.Embedding(nodes, 2)
        nn.init.uniform_(self.table.weight, -0.01, 0.01)

    def forward(self, one, other):
        a, b = (torch.tanh(self.table(i)) * 0.7 for i in (one, other))
        gap = (a - b).pow(2).sum(-1)
        x = 1 + 2 * gap / ((1 - a.pow(2).sum(-1)) * (1 - b.pow(2).sum(-1)))
        return torch.acosh(x + EPS)  # <- fault


parent = [0] + [(child - 1) // 2 for child in range(1, 31)]
children = torch.arange(0 if sys.argv[1] == "broken" else 1, 31)  # the root is its own parent
parents = torch.tensor(parent)[children]
model = Poincare(31)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(300):
    strangers = torch.randint(0, 31, (len(children), 10))
    strangers = torch.where(strangers == children[:, None], (strangers + 7) % 31, strangers)
    near = model(children, parents)
    far = model(children[:, None], strangers)
    loss = -torch.log_softmax(-torch.cat([near[:, None], far], 1), 1)[:, 0].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
