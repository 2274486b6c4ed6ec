"""Handwritten digits, 8 x 8 pixels: a deep fully connected network."""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def build(depth, width):
    layers = [nn.Linear(64, width), nn.Sigmoid()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32)
    images = (images - images.mean()) / images.std()
    x_train, x_test, y_train, y_test = train_test_split(
        images, torch.tensor(labels), test_size=0.2, stratify=labels, random_state=args.seed
    )
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)

    model = build(args.depth, args.width)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)

    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)

        if epoch % 3 == 0 or epoch == args.epochs:
            model.eval()
            with torch.no_grad():
                accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
            print(
                f"epoch {epoch:3d}  loss {total / len(x_train):.4f}  test accuracy {accuracy:.3f}"
            )


if __name__ == "__main__":
    main()
