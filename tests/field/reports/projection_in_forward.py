# expect: the output projection of attention is built anew in each forward: random every time, never trained; cure: build it in __init__
import math

import torch
from torch import nn

torch.manual_seed(0)
D, HEADS = 16, 2


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(D, D) for _ in range(3))
        self.norm = nn.LayerNorm(D)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (f(x).view(b, n, HEADS, D // HEADS).transpose(1, 2) for f in (self.q, self.k, self.v))
        w = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(D // HEADS), -1)
        ctx = (w @ v).transpose(1, 2).reshape(b, n, D)
        out = nn.Linear(D, D)(ctx)
        return self.norm(x + out)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(14, D)
        self.pos = nn.Parameter(torch.randn(9, D) * 0.3)
        self.blocks = nn.Sequential(Attention(), Attention())
        self.head = nn.Linear(D, 4)

    def forward(self, t):
        return self.head(self.blocks(self.tok(t) + self.pos)[:, 0])


def lookup(n):
    """Token 0 asks for a key, its value stands right behind the key."""
    t = torch.randint(10, 14, (n, 9))
    order = torch.rand(n, 4).argsort(1)
    t[:, 1::2] = order + 1
    ask = torch.randint(0, 4, (n,))
    t[:, 0] = ask + 5
    at = (order == ask[:, None]).nonzero()[:, 1]
    return t, t[torch.arange(n), 2 * at + 2] - 10


model = Classifier()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 1001):
    t, y = lookup(64)
    loss = nn.functional.cross_entropy(model(t), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 200 == 0:
        t, y = lookup(1000)
        print(step, "loss %.3f" % loss.item(), "acc %.3f" % (model(t).argmax(1) == y).float().mean().item())
