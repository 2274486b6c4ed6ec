"""Digits. Sick: ten sigmoids and a rate that is too high for any other act. Goal: loss 0.8."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(27)


class MLP(nn.Module):
    def __init__(self, dims, act=nn.Sigmoid):
        super().__init__()
        blocks = []
        for a, b in zip(dims[:-2], dims[1:-1]):
            blocks.append(nn.Linear(a, b))
            blocks.append(act())
        self.net = nn.Sequential(*blocks, nn.Linear(dims[-2], dims[-1]))

    def forward(self, x):
        return self.net(x)


X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor((X - 5) / 6).float(), torch.tensor(Y)
model = MLP([64] + [48] * 10 + [10])
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for epoch in range(7):
    for idx in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(X[1500:]).argmax(1) == Y[1500:]).float().mean()
    print(f"epoch {epoch} loss {loss:.3f} val_acc {acc:.3f}")
