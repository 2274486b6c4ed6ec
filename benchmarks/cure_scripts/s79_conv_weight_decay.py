"""Digits with convolutions and batch norm. Sick: SGD with a weight decay of 0.5. Goal: loss 0.6."""

import argparse

import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser(description="small convolutional network")
parser.add_argument("--batch-size", type=int, default=50)
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--weight-decay", type=float, default=0.5)
parser.add_argument("--seed", type=int, default=79)
args = parser.parse_args()

torch.manual_seed(args.seed)
digits = load_digits()
x = torch.tensor(digits.images / 16).float().unsqueeze(1)
y = torch.tensor(digits.target)

model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1, bias=False),
    nn.BatchNorm2d(12),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1, bias=False),
    nn.BatchNorm2d(24),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(2),
    nn.Flatten(),
    nn.Linear(96, 10),
)
optimizer = optim.SGD(
    model.parameters(), lr=args.lr, momentum=0.9, weight_decay=args.weight_decay
)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)
criterion = nn.CrossEntropyLoss()


def test():
    model.eval()
    with torch.no_grad():
        scores = model(x[1500:])
    print(f"Test loss: {criterion(scores, y[1500:]).item():.4f}")


for epoch in range(args.epochs):
    model.train()
    for idx in torch.randperm(1500).split(args.batch_size):
        optimizer.zero_grad()
        loss = criterion(model(x[idx]), y[idx])
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(f"Train Epoch: {epoch} Loss: {loss.item():.6f}")
    test()
