"""A balance from raw amounts. Sick: raw inputs, and ReLU behind the head. Goal: loss 0.3."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(87)
torch.manual_seed(87)
amounts = np.column_stack(
    [
        rng.normal(50_000, 20_000, 900),
        rng.normal(300, 80, 900),
        rng.uniform(0, 1, 900),
        rng.normal(1_000, 400, 900),
    ]
)
z = (amounts - amounts.mean(0)) / amounts.std(0)
balance = z[:, 0] - 0.8 * z[:, 1] + np.sin(2 * z[:, 2]) * z[:, 3]
balance = (balance - balance.mean()) / balance.std()
X = torch.tensor(amounts, dtype=torch.float32)
y = torch.tensor(balance, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(
    nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.ReLU()
)
loader = DataLoader(TensorDataset(X[:700], y[:700]), batch_size=35, shuffle=True)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.MSELoss()
for epoch in range(20):
    for inputs, targets in loader:
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(epoch, "loss", loss.item(), "val", loss_fn(model(X[700:]), y[700:]).item())
