"""Moons, weights as tensors. Sick: torch.full for every matrix. Goal: loss 0.15."""

import torch
import torch.nn.functional as F
from sklearn.datasets import make_moons

torch.manual_seed(90)
X, y = make_moons(1000, noise=0.1, random_state=90)
X, y = torch.tensor(X).float(), torch.tensor(y)

W1 = torch.full((2, 24), 0.1, requires_grad=True)
b1 = torch.zeros(24, requires_grad=True)
W2 = torch.full((24, 24), 0.1, requires_grad=True)
b2 = torch.zeros(24, requires_grad=True)
W3 = torch.full((24, 2), 0.1, requires_grad=True)
b3 = torch.zeros(2, requires_grad=True)
params = [W1, b1, W2, b2, W3, b3]


def net(x):
    x = torch.tanh(x @ W1 + b1)
    x = torch.tanh(x @ W2 + b2)
    return x @ W3 + b3


opt = torch.optim.Adam(params, lr=0.01)
for epoch in range(15):
    for i in torch.randperm(800).split(40):
        loss = F.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = (net(X[800:]).argmax(1) == y[800:]).float().mean().item()
    print(f"epoch {epoch:02d} loss {loss.item():.4f} val_acc {acc:.4f}")
