"""Handwritten digits, read row by row from top to bottom: an LSTM with a linear head."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


class RowReader(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(input_size=8, hidden_size=hidden, batch_first=True)
        self.head = nn.Linear(hidden, 10)

    def forward(self, rows):
        _, (last, _) = self.lstm(rows)
        return self.head(last[-1])


@torch.no_grad()
def evaluate(model, x, y):
    return (model(x).argmax(dim=1) == y).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    digits = load_digits()
    rows = torch.tensor(digits.images, dtype=torch.float32) / 8 - 1
    x_train, x_test, y_train, y_test = train_test_split(
        rows, torch.tensor(digits.target), test_size=0.2, random_state=args.seed
    )

    model = RowReader()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    for epoch in range(1, args.epochs + 1):
        order = torch.randperm(len(x_train))
        running = 0.0
        for start in range(0, len(order), args.batch_size):
            batch = order[start : start + args.batch_size]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x_train[batch]), y_train[batch])
            loss.backward()
            optimizer.step()
            running += loss.item() * len(batch)

        if epoch % 3 == 0 or epoch == args.epochs:
            accuracy = evaluate(model, x_test, y_test)
            print(
                f"epoch {epoch:3d}  loss {running / len(order):.4f}  test accuracy {accuracy:.3f}"
            )


if __name__ == "__main__":
    main()
