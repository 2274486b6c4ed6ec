"""Digits. Sick: init.constant_ on every weight. Goal: loss 0.7."""

import torch
import torch.nn as nn
import torch.nn.init as init
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=49)
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)


class ThreeLayer(nn.Module):
    def __init__(self, n_hidden):
        super().__init__()
        self.a = nn.Linear(64, n_hidden)
        self.b = nn.Linear(n_hidden, n_hidden)
        self.c = nn.Linear(n_hidden, 10)
        self.reset()

    def reset(self):
        for layer in (self.a, self.b, self.c):
            init.constant_(layer.weight, 0.02)
            init.zeros_(layer.bias)

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


torch.manual_seed(49)
model = ThreeLayer(60)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(8):
    perm = torch.randperm(len(X_train))
    for i in range(0, len(X_train), 50):
        batch = perm[i : i + 50]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(X_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} test acc {acc:.3f}")
