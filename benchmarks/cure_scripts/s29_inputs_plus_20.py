"""Digits with an offset of 20. Sick: inputs that are not centred. Goal: loss 0.7."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(29)
X, Y = load_digits(return_X_y=True)
X = torch.tensor(X / 6 + 20).float()
Y = torch.tensor(Y)
train_x, test_x = X[:1500], X[1500:]
train_y, test_y = Y[:1500], Y[1500:]
model = nn.Sequential()
model.add_module("fc1", nn.Linear(64, 64))
model.add_module("act1", nn.ReLU())
model.add_module("fc2", nn.Linear(64, 64))
model.add_module("act2", nn.ReLU())
model.add_module("fc3", nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss_fn = nn.CrossEntropyLoss()
for t in range(10):
    for i in torch.randperm(1500).split(50):
        pred = model(train_x[i])
        loss = loss_fn(pred, train_y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test_loss = loss_fn(model(test_x), test_y).item()
    print(f"Epoch {t + 1}: Avg test loss: {test_loss:>8f}")
