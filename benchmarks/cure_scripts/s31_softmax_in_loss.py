"""Digits, softmax by method in the loop. Sick: softmax before cross-entropy. Goal: loss 0.5."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(31)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 10)

    def sigmoid(self, x):
        return torch.sigmoid(x)

    def forward(self, x):
        x = self.sigmoid(self.fc1(x))
        x = self.sigmoid(self.fc2(x))
        return self.fc3(x)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
cross_entropy = nn.CrossEntropyLoss()
for epoch in range(10):
    for idx in torch.randperm(1500).split(50):
        probs = model(X[idx]).softmax(dim=-1)
        loss = cross_entropy(probs, Y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(X[1500:]).argmax(1) == Y[1500:]).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.3f} val acc {acc:.3f}")
