"""Digits with a trainer class. Sick: a rate of 3 in the configuration. Goal: loss 0.7."""

import torch
from sklearn.datasets import load_digits
from torch import nn

config = {"lr": 3.0, "momentum": 0.9, "epochs": 8, "batch_size": 50, "hidden": 64}


class Trainer:
    def __init__(self, model, config):
        self.model = model
        self.config = config
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=config["lr"], momentum=config["momentum"]
        )
        self.criterion = nn.CrossEntropyLoss()

    def train_epoch(self, X, Y):
        for idx in torch.randperm(len(X)).split(self.config["batch_size"]):
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(X[idx]), Y[idx])
            loss.backward()
            self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, X, Y):
        return (self.model(X).argmax(1) == Y).float().mean().item()

    def fit(self, X, Y, Xv, Yv):
        for epoch in range(self.config["epochs"]):
            loss = self.train_epoch(X, Y)
            print({"epoch": epoch, "loss": loss, "val_acc": self.evaluate(Xv, Yv)})


if __name__ == "__main__":
    torch.manual_seed(21)
    X, Y = load_digits(return_X_y=True)
    X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
    net = nn.Sequential(
        nn.Linear(64, config["hidden"]),
        nn.ReLU(),
        nn.Linear(config["hidden"], config["hidden"]),
        nn.ReLU(),
        nn.Linear(config["hidden"], 10),
    )
    Trainer(net, config).fit(X[:1500], Y[:1500], X[1500:], Y[1500:])
