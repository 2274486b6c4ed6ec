"""Digits, six tanh layers. Sick: weights of N(0, 1) and a rate of 1 as well. Goal: loss 0.6."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(86)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 8 - 1).float(), torch.tensor(Y)

CONFIG = {"depth": 6, "width": 64, "lr": 1.0, "momentum": 0.9, "init_std": 1.0, "epochs": 10}


def make_network(config):
    layers, size = [], 64
    for _ in range(config["depth"]):
        linear = nn.Linear(size, config["width"])
        torch.nn.init.normal_(linear.weight, 0.0, config["init_std"])
        layers += [linear, nn.Tanh()]
        size = config["width"]
    return nn.Sequential(*layers, nn.Linear(size, 10))


net = make_network(CONFIG)
optimizer = torch.optim.SGD(net.parameters(), lr=CONFIG["lr"], momentum=CONFIG["momentum"])
for epoch in range(CONFIG["epochs"]):
    for i in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), Y[i])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = nn.functional.cross_entropy(net(X[1500:]), Y[1500:]).item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {val_loss:.4f}")
