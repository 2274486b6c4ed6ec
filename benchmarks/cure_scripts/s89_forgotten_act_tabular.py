"""Rows of a table with an interaction. Sick: Linear after Linear, no act. Goal: loss 0.3."""

import torch
from torch import nn

torch.manual_seed(89)


class Tabular(nn.Module):
    """Categories through embeddings, numbers as they are."""

    def __init__(self, categories=(5, 7), numbers=4, hidden=48):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(c, 4) for c in categories)
        self.l1 = nn.Linear(4 * len(categories) + numbers, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.l2 = nn.Linear(hidden, hidden)
        self.l3 = nn.Linear(hidden, 1)

    def forward(self, cats, nums):
        parts = [embed(cats[:, k]) for k, embed in enumerate(self.embeddings)]
        x = torch.cat([*parts, nums], 1)
        x = self.norm(self.l1(x))
        x = self.l2(x)
        return self.l3(x).squeeze(1)


cats = torch.stack([torch.randint(0, 5, (1600,)), torch.randint(0, 7, (1600,))], 1)
nums = torch.randn(1600, 4)
y = ((nums[:, 0] * nums[:, 1] > 0) ^ (cats[:, 0] > 2)).float()
model = Tabular()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
bce = nn.BCEWithLogitsLoss()
patience, best, bad = 15, float("inf"), 0
for epoch in range(20):
    model.train()
    for i in torch.randperm(1200).split(60):
        optimizer.zero_grad()
        loss = bce(model(cats[i], nums[i]), y[i])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = bce(model(cats[1200:], nums[1200:]), y[1200:]).item()
    best, bad = (val, 0) if val < best else (best, bad + 1)
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {val:.4f}")
    if bad >= patience:
        break
