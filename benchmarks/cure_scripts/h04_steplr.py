"""Digits. Healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import StepLR

torch.manual_seed(4)
X, y = load_digits(return_X_y=True)
X = torch.tensor((X - X.mean()) / X.std()).float()
y = torch.tensor(y)


def make_net(depth=3, width=64):
    layers = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    layers.append(nn.Linear(width, 10))
    return nn.Sequential(*layers)


net = make_net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
scheduler = StepLR(optimizer, step_size=5, gamma=0.5)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(8):
    perm = torch.randperm(1500)
    for i in range(0, 1500, 50):
        batch = perm[i : i + 50]
        optimizer.zero_grad()
        loss = loss_fn(net(X[batch]), y[batch])
        loss.backward()
        optimizer.step()
    scheduler.step()
    acc = (net(X[1500:]).argmax(1) == y[1500:]).float().mean()
    print(f"epoch {epoch:2d}  loss {loss:.3f}  val acc {acc:.3f}")
