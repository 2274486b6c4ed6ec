# expect: healthy twin of years_and_prices
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Cars(Dataset):
    columns = ("year", "mileage", "power", "doors")

    def __init__(self, n, seed, normalise=False):
        r = np.random.default_rng(seed)
        year, mileage = r.integers(1995, 2024, n), r.gamma(4, 30000, n)
        power, doors = r.normal(90, 25, n), r.choice([3, 5], n)
        value = 0.25 * (year - 2009) - mileage / 80000 + power / 40 + 0.2 * doors + r.normal(0, 0.2, n)
        self.x = np.stack([year, mileage, power, doors], 1).astype("float32")
        if normalise:
            self.x = (self.x - [2009, 120000, 90, 4]) / [8.4, 60000, 25, 1]
        self.x = torch.tensor(self.x, dtype=torch.float32)
        self.y = torch.tensor(value, dtype=torch.float32).unsqueeze(1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


torch.manual_seed(0)
NORMALISE = True
train, test = Cars(1200, 1, NORMALISE), Cars(400, 2, NORMALISE)
net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(1, 16):
    total = 0.0
    for x, y in DataLoader(train, batch_size=40, shuffle=True):
        loss = (net(x) - y).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 3 == 0:
        with torch.no_grad():
            err = (net(test.x) - test.y).square().mean()
        print(f"epoch {epoch} train mse {total / 30:.4f} test mse {err.item():.4f} (variance {test.y.var().item():.4f})")
