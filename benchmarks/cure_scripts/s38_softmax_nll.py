"""Digits. Sick: a softmax where NLLLoss wants log-probabilities. Goal: loss 0.6."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(38)
digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target, dtype=torch.long)

model = nn.Sequential(
    nn.Linear(64, 80),
    nn.ReLU(),
    nn.Linear(80, 10),
    nn.Softmax(dim=1),
)
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
n_epochs = 8
for e in range(n_epochs):
    running_loss = 0
    for idx in torch.randperm(1500).split(64):
        optimizer.zero_grad()
        loss = criterion(model(X[idx]), y[idx])
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    else:
        with torch.no_grad():
            equals = model(X[1500:]).argmax(1) == y[1500:]
        print(f"Training loss: {running_loss / 24:.3f}", f"Test accuracy: {equals.float().mean():.3f}")
