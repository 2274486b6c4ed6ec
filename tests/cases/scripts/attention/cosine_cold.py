# broken: ACT503 at attention
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(5)
temperature = 0.001 if bad else 0.1


class Memory(nn.Module):
    """Cosine attention over twelve slots, without a shared table of keys."""

    def __init__(self):
        super().__init__()
        self.ask, self.store = nn.Embedding(30, 32), nn.Embedding(30, 32)
        self.content = nn.Embedding(8, 32)
        self.head = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))

    def forward(self, asked, keys, values):
        q = F.normalize(self.ask(asked), dim=-1)[:, None]
        k = F.normalize(self.store(keys), dim=-1)
        scores = torch.einsum("bqd,bkd->bqk", q, k) / temperature
        attention = scores.softmax(dim=-1)  # <-
        return self.head(torch.einsum("bqk,bkd->bqd", attention, self.content(values))[:, 0])


net = Memory()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(500):
    keys = torch.rand(128, 30).argsort(1)[:, :12]
    values = torch.randint(8, (128, 12))
    at = torch.randint(12, (128, 1))
    out = net(keys.gather(1, at)[:, 0], keys, values)
    loss = F.cross_entropy(out, values.gather(1, at)[:, 0])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
