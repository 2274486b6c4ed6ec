"""Digits in a trainer with an exponential average of the weights. Healthy."""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn


class EMA:
    def __init__(self, model, decay=0.97):
        self.shadow = copy.deepcopy(model).eval()
        self.decay = decay
        for p in self.shadow.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for s, p in zip(self.shadow.parameters(), model.parameters()):
            s.lerp_(p, 1 - self.decay)


class Trainer:
    def __init__(self, model, optimizer, callbacks=()):
        self.model, self.optimizer, self.callbacks = model, optimizer, callbacks

    def fit(self, X, Y, epochs):
        for _ in range(epochs):
            for i in torch.randperm(len(X)).split(50):
                self.optimizer.zero_grad()
                loss = nn.functional.cross_entropy(self.model(X[i]), Y[i])
                loss.backward()
                self.optimizer.step()
                for callback in self.callbacks:
                    callback.update(self.model)
            yield loss.item()


torch.manual_seed(127)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 8 - 1).float(), torch.tensor(Y)
model = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 40), nn.ReLU(), nn.Linear(40, 10))
ema = EMA(model)
trainer = Trainer(model, torch.optim.Adam(model.parameters(), lr=2e-3), [ema])
for epoch, loss in enumerate(trainer.fit(X[:1500], Y[:1500], 8)):
    with torch.no_grad():
        acc = (ema.shadow(X[1500:]).argmax(1) == Y[1500:]).float().mean().item()
    print(f"epoch {epoch} loss {loss:.4f} ema_val_acc {acc:.4f}")
