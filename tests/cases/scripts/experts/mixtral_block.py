# broken: ACT406 at gate
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(1)


class SparseMoe(nn.Module):
    """Two of six experts, each called on its own tokens."""

    def __init__(self, width=32, experts=6):
        super().__init__()
        self.gate = nn.Linear(width, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 64), nn.SiLU(), nn.Linear(64, width))
            for _ in range(experts)
        )
        nn.init.zeros_(self.gate.bias)
        if bad:
            with torch.no_grad():
                self.gate.bias[:2] = 6.0

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        weights, picked = torch.topk(self.gate(flat), 2, dim=-1)  # <-
        weights = F.softmax(weights, dim=-1)
        out = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            rows, slot = torch.where(picked == number)
            if len(rows):
                out = out.index_add(0, rows, expert(flat[rows]) * weights[rows, slot, None])
        return out.view_as(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.norm = nn.Embedding(20, 32), nn.LayerNorm(32)
        self.moe, self.head = SparseMoe(), nn.Linear(32, 20)

    def forward(self, x):
        h = self.tokens(x)
        return self.head(h + self.moe(self.norm(h)))


net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
table = torch.randperm(20)
for step in range(300):
    x = torch.randint(20, (16, 12))
    loss = F.cross_entropy(net(x).flatten(0, 1), table[x].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
