"""Digits. Sick: weights of 0.001. Goal: loss 0.7."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(20)


class DeepNet(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.a = nn.Linear(64, width)
        self.b = nn.Linear(width, width)
        self.c = nn.Linear(width, width)
        self.d = nn.Linear(width, 10)
        self.reset_parameters()

    def reset_parameters(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                m.weight.data.normal_(0, 0.001)
                m.bias.data.fill_(0)

    def forward(self, x):
        x = F.relu(self.a(x), inplace=True)
        x = F.relu(self.b(x), inplace=True)
        x = F.relu(self.c(x), inplace=True)
        return self.d(x)


def run(epochs=10, lr=0.1):
    X, Y = load_digits(return_X_y=True)
    X, Y = torch.tensor((X - 5) / 6).float(), torch.tensor(Y)
    net = DeepNet()
    opt = torch.optim.SGD(net.parameters(), lr=lr)
    for ep in range(epochs):
        for idx in torch.randperm(1500).split(50):
            opt.zero_grad()
            loss = F.cross_entropy(net(X[idx]), Y[idx])
            loss.backward()
            opt.step()
        with torch.no_grad():
            acc = (net(X[1500:]).argmax(-1) == Y[1500:]).float().mean().item()
        print("ep %d loss %.3f acc %.3f" % (ep, loss.item(), acc))


run()
