# broken: ACT405
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
PAD = 0


class Reviews(nn.Module):
    def __init__(self, words=200, width=24):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PAD)
        self.dense = nn.Linear(width, 24)
        self.output = nn.Linear(24, 1)

    def forward(self, ids):
        mask = (ids == PAD) if sys.argv[1] == "broken" else (ids != PAD)
        h = self.embedding(ids) * mask.unsqueeze(-1)
        pooled = h.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return self.output(F.relu(self.dense(pooled))).squeeze(-1)


tone = torch.randn(200)
ids = torch.randint(1, 200, (1000, 20))
for row in ids:
    row[torch.randint(8, 20, ()).item() :] = PAD
liked = (torch.where(ids > 0, tone[ids], 0.0).sum(1) > 0).float()

model = Reviews()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(10):
    for i in torch.randperm(1000).split(32):
        optimizer.zero_grad()
        loss = criterion(model(ids[i]), liked[i])
        loss.backward()
        optimizer.step()
    print(epoch, round(loss.item(), 3))
print("end", round(criterion(model(ids), liked).item(), 4))
