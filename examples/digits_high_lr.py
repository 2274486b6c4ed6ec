"""Handwritten digits, 8 x 8 pixels: a multilayer perceptron."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


class MLP(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = F.relu(self.fc3(x))
        return self.out(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--warmup", type=int, default=150, help="steps until the full rate")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32)
    images = (images - images.mean()) / images.std()
    x_train, x_test, y_train, y_test = train_test_split(
        images, torch.tensor(labels), test_size=0.2, stratify=labels, random_state=args.seed
    )

    model = MLP(hidden=64)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, args.warmup)

    for epoch in range(1, args.epochs + 1):
        losses = []
        for batch in torch.randperm(len(x_train)).split(args.batch_size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x_train[batch]), y_train[batch])
            loss.backward()
            optimizer.step()
            warmup.step()
            losses.append(loss.item())

        if epoch % 3 == 0 or epoch == args.epochs:
            with torch.no_grad():
                accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
            mean = sum(losses) / len(losses)
            print(f"epoch {epoch:3d}  loss {mean:.4f}  test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
