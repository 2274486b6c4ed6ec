"""A regression on temperatures in Kelvin. Sick: inputs that are not centred. Goal: loss 0.35."""

import torch
from torch import nn

torch.manual_seed(47)
kelvin = 273 + 20 + 8 * torch.randn(800, 5)
target = torch.tanh((kelvin[:, :1] - 293) / 8) + 0.5 * (kelvin[:, 1:2] - kelvin[:, 2:3]) / 8
target = (target - target.mean()) / target.std()


class TempNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(5, 64),
            nn.Tanh(),
            nn.Linear(64, 64),
            nn.Tanh(),
            nn.Linear(64, 1),
        )

    def forward(self, x):
        return self.layers(x)


def run_epoch(net, x, y, optimizer=None):
    total = 0.0
    for xb, yb in zip(x.split(40), y.split(40)):
        loss = nn.functional.mse_loss(net(xb), yb)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(xb)
    return total / len(x)


net = TempNet()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(20):
    train_loss = run_epoch(net, kelvin[:640], target[:640], optimizer)
    with torch.no_grad():
        valid_loss = run_epoch(net, kelvin[640:], target[640:])
    print(f"{epoch}\ttrain={train_loss:.4f}\tvalid={valid_loss:.4f}")
