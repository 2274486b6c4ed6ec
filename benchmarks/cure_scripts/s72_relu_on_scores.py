"""Iris. Sick: ReLU on the scores, which start below zero. Goal: loss 0.3."""

import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(72)
X, y = load_iris(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y)
order = torch.randperm(150)
train, test = order[:120], order[120:]


class IrisNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(4, 32), nn.Linear(32, 32), nn.Linear(32, 3)])
        nn.init.constant_(self.linears[-1].bias, -1.0)

    def forward(self, x):
        for linear in self.linears:
            x = torch.relu(linear(x))
        return x


model = IrisNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(40):
    for rows in train[torch.randperm(120)].split(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
    if epoch % 8 == 7:
        with torch.no_grad():
            test_loss = nn.functional.cross_entropy(model(X[test]), y[test]).item()
        print(f"{epoch + 1}/40 loss {loss.item():.4f} test_loss {test_loss:.4f}")
