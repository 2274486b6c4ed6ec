"""Digits. Sick: SGD at 1 with momentum. Goal: loss 0.7."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def get_model(n_hidden):
    return nn.Sequential(
        nn.Linear(64, n_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(n_hidden, n_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(n_hidden, 10),
    )


def get_optimizer(model, lr):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)


def train_one_epoch(model, loader, loss_fn, optimizer):
    for xb, yb in loader:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
    return loss.item()


def main():
    torch.manual_seed(28)
    X, Y = load_digits(return_X_y=True)
    ds = TensorDataset(torch.tensor(X / 16).float()[:1500], torch.tensor(Y)[:1500])
    loader = DataLoader(ds, batch_size=50, shuffle=True)
    model = get_model(64)
    optimizer = get_optimizer(model, lr=1.0)
    for epoch in range(8):
        print(epoch, train_one_epoch(model, loader, nn.CrossEntropyLoss(), optimizer))


if __name__ == "__main__":
    main()
