# broken: ACT604 line
# healthy: nothing
import math
import sys

import torch
from torch import nn

torch.manual_seed(0)


class MDN(nn.Module):
    def __init__(self, parts=5):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(1, 32), nn.Tanh())
        self.pi = nn.Linear(32, parts)
        self.mu = nn.Linear(32, parts)
        self.sigma = nn.Linear(32, parts)
        nn.init.constant_(self.sigma.bias, -4.5)  # narrow at the start

    def forward(self, x):
        h = self.hidden(x)
        return self.pi(h), self.mu(h), self.sigma(h).exp()


def negative_log_likelihood(pi, mu, sigma, y):
    exponent = -0.5 * ((y - mu) / sigma) ** 2
    if sys.argv[1] == "broken":
        density = torch.softmax(pi, 1) * torch.exp(exponent) / (sigma * math.sqrt(2 * math.pi))
        return -torch.log(density.sum(1)).mean()  # <- fault
    parts = torch.log_softmax(pi, 1) + exponent - sigma.log() - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(parts, 1).mean()


t = torch.rand(1000, 1) * 2 - 1
x = 10 * t + 3 * torch.sin(7 * t) + 0.3 * torch.randn(1000, 1)
net = MDN()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(25):
    for i in torch.randperm(1000).split(50):
        loss = negative_log_likelihood(*net(x[i] / 10), t[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", round(loss.item(), 4))
