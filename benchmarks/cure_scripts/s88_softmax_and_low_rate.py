"""Wines. Sick: softmax before cross-entropy, and a rate of 1e-5 as well. Goal: loss 0.4."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

torch.manual_seed(88)
features, target = load_wine(return_X_y=True)
features = torch.tensor(StandardScaler().fit_transform(features)).float()
target = torch.tensor(target)
order = torch.randperm(178)
train_idx, val_idx = order[:140], order[140:]


class WineClassifier(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.fc1 = nn.Linear(13, 64)
        self.drop = nn.Dropout(dropout)
        self.fc2 = nn.Linear(64, 3)

    def forward(self, x):
        x = self.drop(F.elu(self.fc1(x)))
        return F.softmax(self.fc2(x), dim=1)


model = WineClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
criterion = nn.CrossEntropyLoss()
for epoch in range(30):
    model.train()
    for idx in train_idx[torch.randperm(140)].split(14):
        optimizer.zero_grad()
        loss = criterion(model(features[idx]), target[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    if epoch % 6 == 5:
        with torch.no_grad():
            val_loss = criterion(model(features[val_idx]), target[val_idx]).item()
        print(f"epoch {epoch + 1}: train loss {loss.item():.4f}, val loss {val_loss:.4f}")
