"""Counts with a Poisson loss. Sick: raw visits, so that exp overflows. Goal: loss 0.7."""

import torch
from torch import nn

torch.manual_seed(93)
visits = torch.rand(1000, 4) * torch.tensor([3000.0, 500.0, 60.0, 10.0])
rate = torch.exp(1.0 + visits[:, 0] / 2000 - visits[:, 1] / 400 + 0.03 * visits[:, 2] - 1.2)
counts = torch.poisson(rate)


class CountModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))).squeeze(1)


def poisson_loss(log_rate, count):
    miss = torch.exp(log_rate) - count * log_rate
    return (miss + torch.xlogy(count, count) - count).mean()


model = CountModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    for i in torch.randperm(800).split(40):
        optimizer.zero_grad()
        loss = poisson_loss(model(visits[i]), counts[i])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        held = poisson_loss(model(visits[800:]), counts[800:])
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {held.item():.4f}")
