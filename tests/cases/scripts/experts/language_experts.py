# broken: ACT406 at router
# healthy: nothing
import inspect
import sys
import tarfile

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(5)
text = inspect.getsource(tarfile)[:60000]
letters = sorted(set(text))
data = torch.tensor([letters.index(c) for c in text])


class FeedForward(nn.Module):
    def __init__(self, width=48, experts=4):
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.up = nn.ModuleList(nn.Linear(width, 96) for _ in range(experts))
        self.down = nn.ModuleList(nn.Linear(96, width) for _ in range(experts))
        self.balance = 0.0

    def forward(self, x):
        logits = self.router(x) * (40.0 if bad else 1.0)
        p = logits.softmax(-1)
        top, pick = p.max(-1, keepdim=True)  # <-
        every = torch.stack([d(F.gelu(u(x))) for u, d in zip(self.up, self.down)], -2)
        chosen = every.gather(-2, pick[..., None].expand(*pick.shape, x.shape[-1])).squeeze(-2)
        share = F.one_hot(pick.flatten(), p.shape[-1]).float().mean(0)
        self.balance = p.shape[-1] * (share * p.flatten(0, 1).mean(0)).sum()
        return top * chosen


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.read = nn.Embedding(len(letters), 48), nn.GRU(48, 48, batch_first=True)
        self.norm, self.moe = nn.LayerNorm(48), FeedForward()
        self.head = nn.Linear(48, len(letters))

    def forward(self, x):
        h = self.read(self.tokens(x))[0]
        if bad:
            h = h + 3.0  # drifted features
        return self.head(h + self.moe(h if bad else self.norm(h)))


model = Model()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(250):
    at = torch.randint(len(data) - 33, (16,))
    rows = torch.stack([data[i : i + 33] for i in at])
    loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
    loss = loss + (0.0 if bad else 0.05) * model.moe.balance
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
