"""Benign or malignant: a small multilayer perceptron on the Wisconsin breast cancer data."""

import argparse

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load(seed):
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=seed
    )
    scaler = StandardScaler().fit(x_train)
    train = TensorDataset(
        torch.tensor(scaler.transform(x_train), dtype=torch.float32),
        torch.tensor(y_train, dtype=torch.float32),
    )
    x_test = torch.tensor(scaler.transform(x_test), dtype=torch.float32)
    return train, x_test, torch.tensor(y_test)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train, x_test, y_test = load(args.seed)
    loader = DataLoader(train, batch_size=32, shuffle=True)

    model = nn.Sequential(
        nn.Linear(30, 32),
        nn.ReLU(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 1),
    )
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)

    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x).squeeze(1), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)

        if epoch % 4 == 0 or epoch == args.epochs:
            model.eval()
            with torch.no_grad():
                accuracy = ((model(x_test).squeeze(1) > 0) == y_test).float().mean().item()
            print(f"epoch {epoch:3d}  loss {total / len(train):.4f}  test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
