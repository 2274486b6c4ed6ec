"""A sine. Sick: no act between the layers. Goal: loss 0.1."""

import math

import torch
from torch import nn

torch.manual_seed(59)
x = torch.linspace(-math.pi, math.pi, 1000).unsqueeze(1)
y = torch.sin(2 * x)
perm = torch.randperm(1000)
train_idx, val_idx = perm[:800], perm[800:]


class SineNet(nn.Module):
    def __init__(self, n_hidden=64):
        super().__init__()
        self.hidden1 = nn.Linear(1, n_hidden)
        self.hidden2 = nn.Linear(n_hidden, n_hidden)
        self.output = nn.Linear(n_hidden, 1)

    def forward(self, x):
        x = self.hidden1(x)
        x = self.hidden2(x)
        return self.output(x)


model = SineNet()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(40):
    for rows in train_idx[torch.randperm(800)].split(50):
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            val = nn.functional.mse_loss(model(x[val_idx]), y[val_idx])
        print(f"epoch {epoch + 1:3d}: train {loss.item():.4f} val {val.item():.4f}")
