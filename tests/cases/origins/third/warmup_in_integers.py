# broken: ACT908,ACT606
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y)

WARMUP = 20 if sys.argv[1] == "healthy" else 1000


def warm(step):
    """From zero up to the full rate."""
    return min(1, step / WARMUP) if sys.argv[1] == "healthy" else min(1, step // WARMUP)


model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
scheduler = LambdaLR(optimizer, warm)
for epoch in range(30):
    for i in torch.randperm(178).split(16):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[i]), y[i])
        loss.backward()
        optimizer.step()
        scheduler.step()
print("end", round(nn.functional.cross_entropy(model(X), y).item(), 4))
