"""Digits with convolutions. Sick: kernels from N(0, 1). Goal: loss 0.8."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(26)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 4, 32)
        self.fc2 = nn.Linear(32, 10)
        for p in [self.conv1, self.conv2, self.fc1, self.fc2]:
            nn.init.normal_(p.weight, 0, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


data, target = load_digits(return_X_y=True)
data = torch.tensor(data / 16).float().view(-1, 1, 8, 8)
target = torch.tensor(target)
model = ConvNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
for epoch in range(5):
    for idx in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(data[idx]), target[idx])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        pred = model(data[1500:]).argmax(1)
    print(f"Epoch {epoch}, loss {loss.item():.3f}, accuracy {(pred == target[1500:]).float().mean():.3f}")
