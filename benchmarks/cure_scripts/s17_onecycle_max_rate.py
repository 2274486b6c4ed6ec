"""Digits. Sick: OneCycleLR up to 20. Goal: loss 0.7."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import OneCycleLR

torch.manual_seed(17)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
EPOCHS, BATCH = 8, 50
STEPS = 1500 // BATCH
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = OneCycleLR(optimizer, max_lr=20.0, epochs=EPOCHS, steps_per_epoch=STEPS)
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
for epoch in range(EPOCHS):
    for i in range(STEPS):
        xb, yb = X[i * BATCH : (i + 1) * BATCH], Y[i * BATCH : (i + 1) * BATCH]
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}, lr {scheduler.get_last_lr()[0]:.3f}")
