"""Digits. Sick: softmax before cross-entropy. Goal: loss 0.5."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
data = load_digits()
ds = TensorDataset(torch.tensor(data.data / 16).float(), torch.tensor(data.target))
train_ds, val_ds = random_split(ds, [1400, len(ds) - 1400])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(64, 48)
        self.relu = nn.ReLU()
        self.l2 = nn.Linear(48, 10)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.relu(self.l1(x))
        x = self.l2(x)
        return self.softmax(x)


net = Classifier()
criterion = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
best, patience = float("inf"), 0
for epoch in range(12):
    for xb, yb in DataLoader(train_ds, batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        opt.step()
    with torch.no_grad():
        xv, yv = next(iter(DataLoader(val_ds, batch_size=1000)))
        val_loss = criterion(net(xv), yv).item()
    print("epoch", epoch, "val_loss", round(val_loss, 4))
    if val_loss < best - 1e-4:
        best, patience = val_loss, 0
    else:
        patience += 1
        if patience >= 3:
            print("early stopping")
            break
