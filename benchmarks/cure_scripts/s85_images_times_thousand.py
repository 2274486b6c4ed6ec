"""Digits as counts of photons. Sick: inputs up to 16,000 into convolutions under SGD. Goal: loss 0.6."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Photons(Dataset):
    def __init__(self):
        digits = load_digits()
        self.images = torch.tensor(digits.images * 1000).float()
        self.labels = torch.tensor(digits.target)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index][None], self.labels[index]


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 10, 3)
        self.c2 = nn.Conv2d(10, 20, 3)
        self.f = nn.Linear(20 * 4, 10)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.f(x.flatten(1))


torch.manual_seed(85)
dataset = Photons()
train = DataLoader(Subset(dataset, range(1500)), batch_size=50, shuffle=True)
valid = DataLoader(Subset(dataset, range(1500, len(dataset))), batch_size=100)
net = ConvNet()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(6):
    for images, labels in train:
        loss = F.cross_entropy(net(images), labels)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        losses = [F.cross_entropy(net(images), labels).item() for images, labels in valid]
    print(f"epoch {epoch}: loss {loss.item():.4f} val_loss {sum(losses) / len(losses):.4f}")
