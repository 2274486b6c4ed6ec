"""Breast cancer, as many layers as asked for. Sick: eight sigmoids. Goal: loss 0.2."""

import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler


def build(depth, width):
    blocks = [nn.Linear(30, width), nn.Sigmoid()]
    for _ in range(depth - 1):
        blocks.extend([nn.Linear(width, width), nn.Sigmoid()])
    blocks.append(nn.Linear(width, 1))
    return nn.Sequential(*blocks)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=66)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    X, y = load_breast_cancer(return_X_y=True)
    X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
    train, valid = order[:450], order[450:]

    model = build(args.depth, args.width)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    for epoch in range(15):
        for batch in train[torch.randperm(450)].split(30):
            optimizer.zero_grad()
            loss = criterion(model(X[batch]), y[batch])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            val = criterion(model(X[valid]), y[valid])
        print(f"[{epoch:02d}] loss={loss:.4f} val_loss={val:.4f}")


main()
