"""Breast cancer with early stopping. Sick: SGD at 2 with momentum 0.99. Goal: loss 0.25."""

import copy

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn


class EarlyStopping:
    def __init__(self, patience=8):
        self.patience, self.best, self.count, self.state = patience, None, 0, None

    def __call__(self, loss, model):
        if self.best is None or loss < self.best:
            self.best, self.count = loss, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.count += 1
        return self.count >= self.patience


torch.manual_seed(92)
X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
Xt, Xv, yt, yv = (
    torch.tensor(part).float() for part in train_test_split(X, y, test_size=0.2, random_state=92)
)
model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=2.0, momentum=0.99)
criterion = nn.BCEWithLogitsLoss()
stopper = EarlyStopping()
for epoch in range(25):
    for rows in torch.randperm(len(Xt)).split(35):
        optimizer.zero_grad()
        loss = criterion(model(Xt[rows]).squeeze(1), yt[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = criterion(model(Xv).squeeze(1), yv).item()
    print(f"epoch {epoch} train_loss {loss.item():.4f} val_loss {val_loss:.4f}")
    if stopper(val_loss, model):
        print("stopped early")
        break
