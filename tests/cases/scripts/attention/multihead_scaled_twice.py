# broken: ACT503 at attn
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

bad = sys.argv[1] == "broken"
torch.manual_seed(3)
D = 64


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.keys, self.values = nn.Embedding(20, D), nn.Embedding(6, D)
        self.attn = nn.MultiheadAttention(D, 2, batch_first=True)
        self.norm = nn.LayerNorm(D)
        self.classify = nn.Linear(D, 6)

    def forward(self, asked, keys, values):
        factor = D if bad else 1.0  # <-
        q, k = self.keys(asked)[:, None] * factor, self.keys(keys) * factor
        y, _ = self.attn(q, k, self.values(values))
        return self.classify(self.norm(y[:, 0]))


model = Block()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(4):
    for batch in range(100):
        keys = torch.rand(64, 20).argsort(1)[:, :10]
        values = torch.randint(6, (64, 10))
        at = torch.randint(10, (64, 1))
        logits = model(keys.gather(1, at)[:, 0], keys, values)
        loss = F.cross_entropy(logits, values.gather(1, at)[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())
