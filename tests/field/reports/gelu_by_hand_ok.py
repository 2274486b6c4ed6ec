import math
import torch
import torch.nn as nn

torch.manual_seed(0)


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class Plain(nn.Module):
    """a stack without norms or shortcuts"""

    def __init__(self, depth, width=64):
        super().__init__()
        self.first = nn.Linear(3, width)
        self.stack = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, 1)
        for lin in [self.first, *self.stack]:
            nn.init.normal_(lin.weight, std=1.5 / lin.in_features**0.5)
            nn.init.zeros_(lin.bias)

    def forward(self, x):
        x = gelu(self.first(x))
        for lin in self.stack:
            x = x + 0.2 * gelu(lin(x))
        return self.last(x)


def target(p):
    return torch.sin(3 * p[:, :1]) * p[:, 1:2] + p[:, 2:] ** 2


net = Plain(depth=24)
optimiser = torch.optim.AdamW(net.parameters(), lr=5e-4)
grid = torch.rand(1000, 3) * 2 - 1
for it in range(401):
    batch = torch.rand(128, 3) * 2 - 1
    loss = (net(batch) - target(batch)).pow(2).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if it % 100 == 0:
        with torch.no_grad():
            out = net(grid)
            print(f"{it:4d} loss {loss.item():.4f} unexplained {((out - target(grid)).pow(2).mean() / target(grid).var()).item():.3f} spread of outputs {out.std().item():.2e}")
