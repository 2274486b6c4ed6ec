# broken: ACT301
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits

torch.manual_seed(0)


def layer(rows, columns):
    if sys.argv[1] == "broken":
        weight = torch.rand(rows, columns)
    else:
        weight = torch.randn(rows, columns) * (2 / rows) ** 0.5
    return weight.requires_grad_(), torch.zeros(columns, requires_grad=True)


sizes = [64, 100, 100, 100, 10]
layers = [layer(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]


def forward(x):
    for weight, bias in layers[:-1]:
        x = torch.relu(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
optimizer = torch.optim.Adam([tensor for pair in layers for tensor in pair], lr=1e-3)
for epoch in range(10):
    for i in torch.randperm(1750).split(50):
        loss = torch.nn.functional.cross_entropy(forward(X[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", round(torch.nn.functional.cross_entropy(forward(X), y).item(), 4))
