# broken: ACT907
# healthy: nothing
import sys

import numpy as np
import torch
import torch.nn as nn

np.random.seed(0)
torch.manual_seed(0)

store = np.random.normal(size=(700, 6))
demand = np.exp(store @ np.array([0.5, -0.4, 0.3, 0.0, 0.6, 0.2]) + 1)
sales = np.random.poisson(demand)  # on some days nothing is sold

transform = np.log if sys.argv[1] == "broken" else np.log1p
with np.errstate(divide="ignore"):
    target = transform(sales)

x = torch.from_numpy(store.astype(np.float32))
t = torch.from_numpy(target.astype(np.float32))[:, None]


class SalesModel(nn.Module):
    def __init__(self, n_features, n_hidden):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, n_hidden),
            nn.LeakyReLU(),
            nn.Linear(n_hidden, n_hidden),
            nn.LeakyReLU(),
            nn.Linear(n_hidden, 1),
        )

    def forward(self, batch):
        return self.layers(batch)


def run_epoch(model, optimizer, criterion):
    losses = []
    for rows in torch.randperm(700).split(35):
        optimizer.zero_grad()
        loss = criterion(model(x[rows]), t[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


model = SalesModel(6, 32)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(15):
    mean_loss = run_epoch(model, optimizer, nn.MSELoss())
print("end", round(mean_loss, 4))
