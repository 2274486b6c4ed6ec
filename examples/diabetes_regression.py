"""How far diabetes progresses within a year, from ten measurements: a regression network."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 32)
        self.fc2 = nn.Linear(32, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        x = F.elu(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return self.out(x).squeeze(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=args.seed)
    scale_x = StandardScaler().fit(x_train)
    scale_y = StandardScaler().fit(y_train[:, None])
    x_train, x_test = (
        torch.tensor(scale_x.transform(part), dtype=torch.float32) for part in (x_train, x_test)
    )
    y_train, y_test = (
        torch.tensor(scale_y.transform(part[:, None])[:, 0], dtype=torch.float32)
        for part in (y_train, y_test)
    )
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)

    model = Regressor()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-2)

    for epoch in range(1, args.epochs + 1):
        total = 0.0
        for inputs, targets in loader:
            loss = F.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(inputs)

        if epoch % 4 == 0 or epoch == args.epochs:
            with torch.no_grad():
                residual = F.mse_loss(model(x_test), y_test)
                r2 = 1 - residual / y_test.var(unbiased=False)
            print(f"epoch {epoch:3d}  loss {total / len(x_train):.4f}  test R2 {r2.item():.3f}")


if __name__ == "__main__":
    main()
