"""Blobs, weights as tensors in a dict. Sick: biases of -8 under ReLU. Goal: loss 0.4."""

import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs

torch.manual_seed(51)
x, y = make_blobs(900, centers=5, n_features=6, cluster_std=1.5, random_state=51)
x = torch.tensor((x - x.mean(0)) / x.std(0)).float()
y = torch.tensor(y)

params = {
    "w1": (torch.randn(50, 6) * (2 / 6) ** 0.5).requires_grad_(),
    "b1": torch.full((50,), -8.0, requires_grad=True),
    "w2": (torch.randn(50, 50) * (2 / 50) ** 0.5).requires_grad_(),
    "b2": torch.zeros(50, requires_grad=True),
    "w3": (torch.randn(5, 50) * (1 / 50) ** 0.5).requires_grad_(),
    "b3": torch.zeros(5, requires_grad=True),
}


def net(x):
    h = F.relu(F.linear(x, params["w1"], params["b1"]))
    h = F.relu(F.linear(h, params["w2"], params["b2"]))
    return F.linear(h, params["w3"], params["b3"])


optimizer = torch.optim.SGD(params.values(), lr=0.1, momentum=0.9)
for epoch in range(12):
    for rows in torch.randperm(750).split(30):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(f"{epoch}: loss {loss:.4f} val {F.cross_entropy(net(x[750:]), y[750:]):.4f}")
