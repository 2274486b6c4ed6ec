# expect: attention weights are normalised over an axis of size one: all are 1, the score layers get gradient 0; cure: softmax over the items (dim=1)
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class AdditivePooling(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.w = nn.Linear(dim, dim)
        self.g = nn.Linear(dim, 1)

    def forward(self, x):
        score = self.g(torch.tanh(self.w(x)))
        weight = F.softmax(score, dim=-1)
        return (weight * x).sum(1)


class Net(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.inp = nn.Linear(5, dim)
        self.pool = AdditivePooling(dim)
        self.head = nn.Linear(dim, 4)

    def forward(self, x):
        return self.head(self.pool(self.inp(x)))


def bags(n, size=12):
    """Class of the one item that carries a mark (last feature)."""
    kind = torch.randint(0, 4, (n, size))
    mark = torch.zeros(n, size)
    which = torch.randint(0, size, (n,))
    mark[torch.arange(n), which] = 1
    x = torch.cat([F.one_hot(kind, 4).float(), mark[..., None]], -1)
    return x, kind[torch.arange(n), which]


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(1, 1001):
    x, y = bags(64)
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 200 == 0:
        x, y = bags(2000)
        print(f"step {step} loss {loss.item():.4f} acc {(net(x).argmax(1) == y).float().mean().item():.3f}")
