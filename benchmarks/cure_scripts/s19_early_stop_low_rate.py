"""Digits with early stopping. Sick: Adam at 1e-6. Goal: loss 1.2."""

import copy

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

LEARNING_RATE = 1e-6
MAX_EPOCHS = 12
torch.manual_seed(19)
X, Y = load_digits(return_X_y=True)
X_tr, X_va, y_tr, y_va = (torch.tensor(a) for a in train_test_split(X / 16, Y, random_state=0))
X_tr, X_va = X_tr.float(), X_va.float()


class EarlyStopping:
    def __init__(self, patience=10):
        self.patience, self.best, self.count, self.state = patience, None, 0, None

    def __call__(self, value, model):
        if self.best is None or value < self.best:
            self.best, self.count, self.state = value, 0, copy.deepcopy(model.state_dict())
        else:
            self.count += 1
        return self.count >= self.patience


model = nn.Sequential(nn.Linear(64, 64), nn.ELU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
stopper = EarlyStopping()
for epoch in range(MAX_EPOCHS):
    for idx in torch.randperm(len(X_tr)).split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X_tr[idx]), y_tr[idx])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = nn.functional.cross_entropy(model(X_va), y_va).item()
    print(f"Epoch {epoch}/{MAX_EPOCHS} val_loss: {val:.4f}")
    if stopper(val, model):
        break
model.load_state_dict(stopper.state)
