# broken: ACT604 line
# healthy: nothing
import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
np.random.seed(0)
houses = np.random.rand(600, 5).astype(np.float32)
prices = (1 + 6 * houses[:, 0] + 4 * houses[:, 1] * houses[:, 2])[:, None].astype(np.float32)
prices -= prices.min()  # the cheapest is free
loader = DataLoader(
    TensorDataset(torch.from_numpy(houses), torch.from_numpy(prices)), 30, shuffle=True
)


def rmsle(predicted, actual):
    if sys.argv[1] == "healthy":
        predicted = nn.functional.softplus(predicted)
    logs = torch.log(predicted + 1)  # <- fault
    return torch.sqrt(nn.functional.mse_loss(logs, torch.log(actual + 1)) + 1e-12)


model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
if sys.argv[1] == "broken":
    model[2].bias.data.fill_(-0.8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
for epoch in range(20):
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = rmsle(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
print("end", round(float(np.mean(losses)), 4))
