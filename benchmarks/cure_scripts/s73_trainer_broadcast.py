"""Energy of a house. Sick: targets (N), predictions (N, 1), in a trainer. Goal: loss 0.25."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class EnergyTrainer:
    def __init__(self, net, lr):
        self.net = net
        self.loss_fn = nn.MSELoss()
        self.opt = torch.optim.RMSprop(net.parameters(), lr=lr)
        self.history = {"train": [], "valid": []}

    def step(self, batch):
        x, y = batch
        return self.loss_fn(self.net(x), y)

    def run(self, train, valid, epochs):
        for _ in range(epochs):
            self.net.train()
            total = 0.0
            for batch in train:
                self.opt.zero_grad()
                loss = self.step(batch)
                loss.backward()
                self.opt.step()
                total += loss.item()
            self.history["train"].append(total / len(train))
            self.net.eval()
            with torch.no_grad():
                values = [self.step(batch).item() for batch in valid]
            self.history["valid"].append(sum(values) / len(values))
            print("train %.4f valid %.4f" % (self.history["train"][-1], self.history["valid"][-1]))


torch.manual_seed(73)
house = torch.randn(1000, 8)
energy = torch.tanh(house[:, 0]) * 1.5 + house[:, 1] * house[:, 2] * 0.5 + 0.1 * torch.randn(1000)
train_set, valid_set = random_split(TensorDataset(house, energy), [800, 200])
net = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
EnergyTrainer(net, 1e-3).run(DataLoader(train_set, 32, True), DataLoader(valid_set, 100), 12)
