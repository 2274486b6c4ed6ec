"""Digits, seven layers in a ModuleList. Sick: sigmoids under SGD. Goal: loss 0.6."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split


class DeepMLP(nn.Module):
    def __init__(self, in_dim=64, hidden=50, n_layers=7, n_classes=10):
        super().__init__()
        dims = [in_dim] + [hidden] * n_layers
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:]))
        self.out = nn.Linear(hidden, n_classes)

    def forward(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return self.out(x)


torch.manual_seed(57)
digits = load_digits()
data = torch.tensor((digits.data - digits.data.mean()) / digits.data.std()).float()
dataset = TensorDataset(data, torch.tensor(digits.target))
train_set, val_set = random_split(dataset, [1500, len(dataset) - 1500])
train_loader = DataLoader(train_set, 50, shuffle=True)
val_loader = DataLoader(val_set, 300)

model = DeepMLP()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
    correct = total = 0
    with torch.no_grad():
        for inputs, targets in val_loader:
            correct += (model(inputs).argmax(1) == targets).sum().item()
            total += len(targets)
    print(f"epoch {epoch + 1}/8 loss {loss.item():.4f} val accuracy {100 * correct / total:.1f} %")
