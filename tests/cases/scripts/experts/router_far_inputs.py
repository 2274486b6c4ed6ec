# broken: ACT406,ACT702 at router|input|gate
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(3)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(12, 5, bias=False)
        self.experts = nn.ModuleList(nn.Linear(12, 4) for _ in range(5))

    def forward(self, x):
        # the mean of every row is left in: one expert looks best for all
        p = F.softmax(self.router(x + 25.0 if bad else x), dim=-1)
        weight, pick = torch.topk(p, 1, dim=-1)  # <-
        out = torch.zeros(len(x), 4)
        for number, expert in enumerate(self.experts):
            rows = (pick[:, 0] == number).nonzero()[:, 0]
            out = out.index_add(0, rows, expert(x[rows]) * weight[rows])
        return out


centres = torch.randn(20, 12) * 2
labels = torch.randint(4, (20,))
net = Layer()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(400):
    group = torch.randint(20, (128,))
    x = centres[group] + torch.randn(128, 12) * 0.3
    loss = F.cross_entropy(net(x), labels[group])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
