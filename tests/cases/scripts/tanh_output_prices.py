# broken: ACT204
# healthy: nothing
import sys
import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(0)
torch.manual_seed(0)
rooms, area, age = rng.integers(1, 6, 300), rng.uniform(30, 200, 300), rng.uniform(0, 80, 300)
price = 20 * rooms + 2.5 * area - 0.7 * age + rng.normal(0, 10, 300)
X = torch.tensor(np.stack([rooms, area, age], 1), dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(price, dtype=torch.float32)[:, None]
model = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))
if sys.argv[1] == "broken":
    model.append(nn.Tanh())
else:
    y = (y - y.mean()) / y.std()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(60):
    for i in range(0, 300, 32):
        opt.zero_grad()
        loss = nn.functional.mse_loss(model(X[i : i + 32]), y[i : i + 32])
        loss.backward()
        opt.step()
