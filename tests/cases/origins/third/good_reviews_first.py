# broken: ACT703
# healthy: nothing
import sys

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

torch.manual_seed(0)
tone = torch.randn(300, 8)


def reviews(kind, count=600):
    words = torch.randint(0, 300, (count, 12))
    bag = tone[words].mean(1)
    bag[:, 0] += 0.35 * (1 if kind else -1)
    return TensorDataset(bag, torch.full((count,), kind))


data = ConcatDataset([reviews(1), reviews(0)])
loader = DataLoader(data, batch_size=24, shuffle=sys.argv[1] == "healthy")
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
for epoch in range(8):
    for bag, kind in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(bag), kind)
        loss.backward()
        optimizer.step()
with torch.no_grad():
    rows = torch.stack([bag for bag, _ in data])
    kinds = torch.tensor([int(kind) for _, kind in data])
    print("end", round(nn.functional.cross_entropy(model(rows), kinds).item(), 4))
