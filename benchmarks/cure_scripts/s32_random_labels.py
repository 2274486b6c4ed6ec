"""Sick: the labels are noise, each seen once. Not curable."""

import torch
from torch import nn

torch.manual_seed(32)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(200):
    x, y = torch.randn(64, 20), torch.randint(5, (64,))
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())
