"""Several labels a row. Sick: sigmoid before BCEWithLogitsLoss. Goal: loss 0.4."""

import torch
from sklearn.datasets import make_multilabel_classification
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    def __init__(self, x, y):
        self.x = torch.as_tensor(x, dtype=torch.float32)
        self.y = torch.as_tensor(y, dtype=torch.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class MultiLabel(nn.Module):
    def __init__(self, n_in, n_labels):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, n_labels)

    def forward(self, x):
        return torch.sigmoid(self.head(self.body(x)))


torch.manual_seed(41)
X, Y = make_multilabel_classification(1000, 20, n_classes=6, random_state=41)
X = (X - X.mean(0)) / X.std(0)
train = DataLoader(Rows(X[:800], Y[:800]), batch_size=40, shuffle=True)
val = DataLoader(Rows(X[800:], Y[800:]), batch_size=200)
model = MultiLabel(20, 6)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(12):
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        vloss = sum(criterion(model(x), y).item() for x, y in val) / len(val)
    print(f"epoch {epoch:02d} | train {loss.item():.4f} | val {vloss:.4f}")
