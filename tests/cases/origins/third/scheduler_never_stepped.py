# broken: ACT908,ACT606,ACT902
# healthy: nothing
import math
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(0)


class Trainer:
    warmup, total = 30, 350

    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        self.scheduler = LambdaLR(self.optimizer, self.factor)

    def factor(self, step):
        if step < self.warmup:
            return step / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / self.total))

    def train(self, X, y, epochs=10):
        for epoch in range(epochs):
            for i in torch.randperm(len(X)).split(55):
                loss = nn.functional.cross_entropy(self.model(X[i]), y[i])
                loss.backward()
                self.optimizer.step()
                self.optimizer.zero_grad()
                if sys.argv[1] == "healthy":
                    self.scheduler.step()
            print({"epoch": epoch, "loss": round(loss.item(), 4)})
        return nn.functional.cross_entropy(self.model(X), y).item()


X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 8 - 1).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 10))
print("end", round(Trainer(net).train(X, y), 4))
