"""Breast cancer. Sick: Adagrad at 1e-6. Goal: loss 0.4."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(54)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
X_train, y_train, X_val, y_val = X[:450], y[:450], X[450:], y[450:]

model = nn.Sequential(
    nn.Linear(30, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1)
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adagrad(model.parameters(), lr=1e-6)
for epoch in range(25):
    model.train()
    for i in range(0, len(X_train), 30):
        loss = loss_fn(model(X_train[i : i + 30]), y_train[i : i + 30])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = loss_fn(model(X_val), y_val)
        val_acc = ((model(X_val) > 0) == (y_val > 0.5)).float().mean()
    if epoch % 5 == 0:
        print(f"epoch {epoch} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
