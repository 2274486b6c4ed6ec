# expect: healthy twin of csv_with_gaps
import io

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(8)
rows = ["temp;wind;hours;ozone"]
for _ in range(900):
    temp, wind, hours = rng.normal(20, 6), rng.gamma(3, 2), rng.uniform(0, 14)
    ozone = 2.2 * temp - 1.5 * wind + 3 * hours + rng.normal(0, 4)
    cells = [f"{temp:.1f}", f"{wind:.1f}", f"{hours:.1f}", f"{ozone:.1f}"]
    if rng.random() < 0.02:
        cells[rng.integers(0, 3)] = ""
    rows.append(";".join(cells))

table = np.genfromtxt(io.StringIO("\n".join(rows)), delimiter=";", skip_header=1)
table = table[~np.isnan(table).any(1)]
features, target = table[:, :3], table[:, 3:]
features = (features - np.nanmean(features, 0)) / np.nanstd(features, 0)
target = (target - target.mean()) / target.std()
data = TensorDataset(torch.tensor(features, dtype=torch.float32), torch.tensor(target, dtype=torch.float32))

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(20):
    seen = []
    for x, y in DataLoader(data, batch_size=30, shuffle=True):
        opt.zero_grad()
        loss = nn.functional.l1_loss(model(x), y)
        loss.backward()
        opt.step()
        seen.append(loss.item())
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} mean absolute error {np.mean(seen):.4f}")
