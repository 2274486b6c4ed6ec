"""Is the digit even? Convolutions. Sick: sigmoid before BCEWithLogitsLoss. Goal: loss 0.4."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class EvenNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(16 * 4, 1)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = self.fc(torch.flatten(x, 1))
        return torch.sigmoid(x)


torch.manual_seed(71)
digits = load_digits()
images = torch.tensor(digits.images / 16.0, dtype=torch.float32)[:, None]
even = torch.tensor(digits.target % 2 == 0, dtype=torch.float32)[:, None]

net = EvenNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
best = 0.0
for epoch in range(6):
    net.train()
    for batch in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = criterion(net(images[batch]), even[batch])
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        held = net(images[1500:])
        accuracy = ((held > 0.5) == (even[1500:] > 0.5)).float().mean().item()
    best = max(best, accuracy)
    print("epoch", epoch, "loss", round(loss.item(), 4), "val_acc", round(accuracy, 4))
