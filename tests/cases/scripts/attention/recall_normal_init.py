# broken: ACT503 at attention
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(1)


class CrossAttention(nn.Module):
    def __init__(self, width=64, heads=4):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        if bad:
            for layer in (self.q, self.k):
                nn.init.normal_(layer.weight)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, memory, what):
        q, k, v = self.split(self.q(x)), self.split(self.k(memory)), self.split(self.v(what))
        y = F.scaled_dot_product_attention(q, k, v)  # <-
        return self.out(y.transpose(1, 2).flatten(2))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.names, self.things = nn.Embedding(32, 64), nn.Embedding(10, 64)
        self.cross = CrossAttention()
        self.head = nn.Linear(64, 10)

    def forward(self, asked, names, things):
        y = self.cross(self.names(asked[:, None]), self.names(names), self.things(things))
        return self.head(y[:, 0].relu())


net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
for step in range(400):
    names = torch.rand(128, 32).argsort(1)[:, :12]
    things = torch.randint(10, (128, 12))
    at = torch.randint(12, (128, 1))
    out = net(names.gather(1, at)[:, 0], names, things)
    loss = F.cross_entropy(out, things.gather(1, at)[:, 0])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
