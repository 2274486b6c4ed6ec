# expect: log_std.data in the likelihood: the head of the spread gets no gradient and stays random; cure: use log_std itself
import torch
from torch import nn
from torch.optim import Adam

torch.manual_seed(0)


class Flow(nn.Module):
    """Gaussian with a learned mean and a learned spread for each input."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        self.mean = nn.Linear(32, 1)
        self.spread = nn.Linear(32, 1)

    def forward(self, x):
        h = self.net(x)
        return self.mean(h), self.spread(h)


def nll(mean, log_std, y):
    var = torch.exp(2 * log_std.data)
    return (0.5 * (y - mean) ** 2 / var + log_std.data).mean()


def noisy(n):
    x = torch.rand(n, 1) * 4 - 2
    return x, torch.sin(2 * x) + (0.02 + 0.3 * (x > 0)) * torch.randn(n, 1)


flow = Flow()
optim = Adam(flow.parameters(), lr=4e-3)
for i in range(1500):
    x, y = noisy(128)
    loss = nll(*flow(x), y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if i % 250 == 249:
        x, y = noisy(4000)
        with torch.no_grad():
            m, s = flow(x)
            print(f"{i + 1:5d} nll {nll(m, s, y).item():.4f} spread left {s[x < 0].exp().mean():.3f} right {s[x > 0].exp().mean():.3f} (true 0.02, 0.32)")
