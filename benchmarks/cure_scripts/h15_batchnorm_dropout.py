"""Digits with convolutions, batch norm and dropout. Healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(115)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float().view(-1, 1, 8, 8), torch.tensor(Y)
train = DataLoader(TensorDataset(X[:1500], Y[:1500]), batch_size=50, shuffle=True)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
    nn.Dropout(0.3), nn.Linear(512, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    model.train()
    for xb, yb in train:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(X[1500:])
        print(epoch, "val loss", criterion(out, Y[1500:]).item(), "acc", (out.argmax(1) == Y[1500:]).float().mean().item())
