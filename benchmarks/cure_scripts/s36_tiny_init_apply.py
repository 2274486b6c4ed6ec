"""Digits, eight tanh layers. Sick: weights of 0.01 by apply. Goal: loss 0.6."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, mean=0.0, std=0.01)
        nn.init.zeros_(m.bias)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.tanh = nn.Tanh()

    def forward(self, x):
        return self.tanh(self.linear(x))


class DeepNet(nn.Module):
    def __init__(self, depth=8, width=64):
        super().__init__()
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.head = nn.Linear(width, 10)
        self.apply(init_weights)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


torch.manual_seed(36)
X, Y = load_digits(return_X_y=True)
X = torch.tensor((X - X.mean()) / X.std()).float()
loader = DataLoader(TensorDataset(X[:1500], torch.tensor(Y[:1500])), batch_size=50, shuffle=True)
model = DeepNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    running = 0.0
    for i, (inputs, labels) in enumerate(loader):
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
        if i % 10 == 9:
            print(f"[{epoch + 1}, {i + 1:3d}] loss: {running / 10:.3f}")
            running = 0.0
    correct = (model(X[1500:]).argmax(1) == torch.tensor(Y[1500:])).sum().item()
    print(f"test accuracy: {correct / len(Y[1500:]):.3f}")
