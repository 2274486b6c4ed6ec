"""Digits with an MLP. Sick: Adam's rate. Goal: loss 0.5."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--lr", type=float, default=0.5)
parser.add_argument("--hidden", type=int, default=64)
args = parser.parse_args()

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
xt, xv, yt, yv = train_test_split(x / 16, y, random_state=0)
xt, xv = torch.tensor(xt).float(), torch.tensor(xv).float()
yt, yv = torch.tensor(yt), torch.tensor(yv)


class MLP(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x)


model = MLP(args.hidden)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
for epoch in range(args.epochs):
    model.train()
    for idx in torch.randperm(len(xt)).split(64):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xt[idx]), yt[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = (model(xv).argmax(1) == yv).float().mean().item()
    print(f"epoch {epoch} train loss {loss.item():.4f} val acc {acc:.4f}")
