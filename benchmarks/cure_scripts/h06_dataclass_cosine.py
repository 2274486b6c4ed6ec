"""Digits. Healthy."""

from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import nn


@dataclass
class Config:
    lr: float = 0.05
    weight_decay: float = 1e-4
    epochs: int = 8
    batch: int = 50


cfg = Config()
torch.manual_seed(15)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor((X - 5) / 6).float(), torch.tensor(Y)
model = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(
    model.parameters(), lr=cfg.lr, momentum=0.9, weight_decay=cfg.weight_decay
)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, cfg.epochs)
for epoch in range(cfg.epochs):
    for idx in torch.randperm(1500).split(cfg.batch):
        loss = nn.functional.cross_entropy(model(X[idx]), Y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sched.step()
    with torch.no_grad():
        print(f"epoch {epoch} val_acc {(model(X[1500:]).argmax(1) == Y[1500:]).float().mean():.3f}")
