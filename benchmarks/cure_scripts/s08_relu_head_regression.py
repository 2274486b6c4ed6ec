"""A regression with targets of both signs. Sick: ReLU behind the head. Goal: loss 0.15."""

import torch
from torch import nn

torch.manual_seed(8)
x = torch.rand(512, 3) * 4 - 2
y = torch.sin(x[:, :1]) + 0.5 * x[:, 1:2] - 1.0


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return torch.relu(self.head(self.body(x)))


model = Regressor()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
history = []
for it in range(300):
    pick = torch.randint(0, 400, (64,))
    loss = nn.functional.mse_loss(model(x[pick]), y[pick])
    opt.zero_grad()
    loss.backward()
    opt.step()
    history.append(loss.item())
    if it % 50 == 0:
        with torch.no_grad():
            print(it, "val", nn.functional.mse_loss(model(x[400:]), y[400:]).item())
