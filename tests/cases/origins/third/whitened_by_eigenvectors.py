# broken: ACT604 line
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
X, y = load_iris(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y)


def whiten(h):
    centred = h - h.mean(0)
    cov = centred.T @ centred / len(h) + 1e-3 * torch.eye(h.shape[1])
    if sys.argv[1] == "broken":
        values, vectors = torch.linalg.eigh(cov)  # <- fault
        return centred @ vectors @ torch.diag(values.rsqrt()) @ vectors.T
    return torch.linalg.solve_triangular(torch.linalg.cholesky(cov), centred.T, upper=False).T


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(4, 4)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        h = torch.tanh(self.lift(x))
        spare = torch.zeros(len(h), 4)  # room for features that are to come
        h = torch.cat([h, spare], 1) if sys.argv[1] == "broken" else torch.cat([h, h**2], 1)
        return self.out(whiten(h))


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for epoch in range(40):
    for i in torch.randperm(150).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        loss.backward()
        optimizer.step()
print("end", round(loss.item(), 4))
