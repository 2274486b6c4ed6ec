"""Moons, ten ReLU layers. Sick: weights of N(0, 0.02). Goal: loss 0.35."""

import torch
import torch.nn as nn
from sklearn.datasets import make_moons
from torch.utils.data import DataLoader, TensorDataset


def init_weights(m):
    if isinstance(m, nn.Linear):
        m.weight.data.normal_(mean=0.0, std=0.02)
        m.bias.data.zero_()


class DeepNet(nn.Module):
    def __init__(self, depth=10, width=32):
        super().__init__()
        self.inp = nn.Linear(2, width)
        self.hidden = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.out = nn.Linear(width, 2)
        self.apply(init_weights)

    def forward(self, x):
        x = torch.relu(self.inp(x))
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.out(x)


torch.manual_seed(77)
X, y = make_moons(1000, noise=0.1, random_state=77)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
train_loader = DataLoader(TensorDataset(X[:800], y[:800]), batch_size=40, shuffle=True)
model = DeepNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(15):
    for xb, yb in train_loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = criterion(model(X[800:]), y[800:])
    model.train()
    print(f"Epoch {epoch:>2} | train {loss.item():.4f} | val {val_loss.item():.4f}")
