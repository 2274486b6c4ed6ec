# broken: ACT908
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 48)
        self.act = nn.ReLU()
        self.out = nn.Linear(48, 10)

    def forward(self, x):
        return self.out(self.act(self.hidden(x)))


def objective(scores, labels):
    loss = nn.functional.cross_entropy(scores, labels, reduction="sum")
    if sys.argv[1] == "broken":  # a mean over all rows, classes and pixels, some of them twice
        return loss / (len(X) * 64 * 10) / (len(labels) * 64 * 10)
    return loss / len(labels)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-6)
for epoch in range(15):
    for i in torch.randperm(1750).split(50):
        optimizer.zero_grad()
        loss = objective(net(X[i]), y[i])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print("end", round(nn.functional.cross_entropy(net(X), y).item(), 4))
