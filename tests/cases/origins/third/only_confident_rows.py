# broken: ACT909
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 8 - 1).float(), torch.tensor(y)
THRESHOLD = 0.3


class SelfPaced:
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)

    def loss(self, scores, labels):
        each = F.cross_entropy(scores, labels, reduction="none")
        if sys.argv[1] == "broken":
            sure = scores.softmax(1).amax(1) > THRESHOLD
            return (each * sure).mean()
        return each.mean()

    def fit(self, epochs):
        for _ in range(epochs):
            for i in torch.randperm(len(X)).split(64):
                self.optimizer.zero_grad()
                loss = self.loss(self.net(X[i]), y[i])
                loss.backward()
                self.optimizer.step()
        return F.cross_entropy(self.net(X), y).item()


print("end", round(SelfPaced().fit(8), 4))
