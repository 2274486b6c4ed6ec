"""Digits with gradients of two batches added up. Healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(124)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 8 - 1).float(), torch.tensor(y)
loader = DataLoader(TensorDataset(X[:1500], y[:1500]), batch_size=25, shuffle=True)
model = nn.Sequential(nn.Linear(64, 96), nn.SiLU(), nn.LayerNorm(96), nn.Linear(96, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
EVERY = 2
for epoch in range(6):
    for number, (xb, yb) in enumerate(loader, 1):
        loss = criterion(model(xb), yb)
        (loss / EVERY).backward()
        if number % EVERY == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        acc = (model(X[1500:]).argmax(1) == y[1500:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_acc {acc:.4f}")
