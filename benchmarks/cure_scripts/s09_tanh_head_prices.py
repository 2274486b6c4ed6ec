"""Prices of 0 to 50. Sick: tanh behind the head. Goal: loss 30."""

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(9)
X = torch.randn(600, 6)
price = (22 + 6 * X[:, 0] + 5 * X[:, 1] * X[:, 2].sign() + torch.randn(600)).clamp(1, 50).unsqueeze(1)


class HousingModel(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.linear1 = nn.Linear(n_in, 64)
        self.act1 = nn.Tanh()
        self.linear2 = nn.Linear(64, 32)
        self.act2 = nn.Tanh()
        self.linear3 = nn.Linear(32, 1)
        self.act3 = nn.Tanh()

    def forward(self, x):
        x = self.act1(self.linear1(x))
        x = self.act2(self.linear2(x))
        return self.act3(self.linear3(x))


model = HousingModel(6)
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
for epoch in range(1, 21):
    for start in range(0, 480, 32):
        batch = slice(start, start + 32)
        optimizer.zero_grad()
        loss = loss_fn(model(X[batch]), price[batch])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        val = loss_fn(model(X[480:]), price[480:]).item()
        print(f"epoch {epoch}: train {loss.item():.2f} val {val:.2f}")
