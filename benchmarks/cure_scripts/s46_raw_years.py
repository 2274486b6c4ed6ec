"""Two classes from a year, a price and a share. Sick: raw inputs under SGD. Goal: loss 0.5."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(46)
year = rng.integers(1990, 2024, 900)
price = rng.lognormal(8, 0.5, 900)
share = rng.uniform(0, 1, 900)
score = (year - 2007) / 10 + (np.log(price) - 8) * 2 + (share - 0.5) * 2
label = (score > 0).astype(np.int64)
table = np.column_stack([year, price, share]).astype(np.float32)

torch.manual_seed(46)
train = TensorDataset(torch.from_numpy(table[:720]), torch.from_numpy(label[:720]))
test_x, test_y = torch.from_numpy(table[720:]), torch.from_numpy(label[720:])
net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
ce = nn.CrossEntropyLoss()
for epoch in range(12):
    for xb, yb in DataLoader(train, batch_size=24, shuffle=True):
        opt.zero_grad()
        loss = ce(net(xb), yb)
        loss.backward()
        opt.step()
    with torch.no_grad():
        accuracy = (net(test_x).argmax(1) == test_y).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} test accuracy {accuracy:.3f}")
