# broken: ACT204,ACT203
# healthy: nothing
import sys

import torch
import torch.nn as nn

torch.manual_seed(0)
TOP = 10.0 if sys.argv[1] == "broken" else 60.0


class Delivery(nn.Module):
    """Minutes until the parcel is there."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def forward(self, x):
        return TOP * torch.sigmoid(self.layers(x))


X = torch.rand(1000, 5)
minutes = 8 + 25 * X[:, :1] + 15 * X[:, 1:2] * X[:, 2:3] + torch.randn(1000, 1)
train, test = slice(0, 800), slice(800, None)
model = Delivery()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
mae = nn.L1Loss()
for epoch in range(20):
    for i in torch.randperm(800).split(40):
        loss = mae(model(X[train][i]), minutes[train][i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{epoch}: {loss.item():.2f} min, test {mae(model(X[test]), minutes[test]).item():.2f}")
print("end", round(loss.item(), 4))
