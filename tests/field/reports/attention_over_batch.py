# expect: attention weights are normalised over the batch, not over the memory; rows depend on each other; cure: dim=-1
import torch
from torch import nn

torch.manual_seed(0)


class Dot(nn.Module):
    def __init__(self):
        super().__init__()
        self.softmax = nn.Softmax(dim=0)

    def forward(self, query, memory):
        weights = self.softmax(torch.einsum("bd,bnd->bn", query, memory))
        return torch.einsum("bn,bnd->bd", weights, memory)


class Recall(nn.Module):
    def __init__(self, keys=8, values=6, d=24):
        super().__init__()
        self.k, self.v, self.q = nn.Embedding(keys, d), nn.Embedding(values, d), nn.Embedding(keys, d)
        self.mix = nn.Linear(2 * d, d)
        self.attend = Dot()
        self.out = nn.Linear(d, values)

    def forward(self, ks, vs, ask):
        memory = self.mix(torch.cat((self.k(ks), self.v(vs)), -1))
        return self.out(self.attend(self.q(ask), memory))


def lists(n):
    ks = torch.rand(n, 8).argsort(1)
    vs = torch.randint(0, 6, (n, 8))
    at = torch.randint(0, 8, (n,))
    rows = torch.arange(n)
    return ks, vs, ks[rows, at], vs[rows, at]


net = Recall()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for step in range(1, 901):
    ks, vs, ask, y = lists(16)
    loss = nn.functional.cross_entropy(net(ks, vs, ask), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 300 == 0:
        net.eval()
        with torch.no_grad():
            acc = sum((net(k, v, a).argmax(1) == t).item() for k, v, a, t in (lists(1) for _ in range(200))) / 200
        print(step, "loss", f"{loss.item():.4f}", "accuracy one by one", f"{acc:.3f}")
        net.train()
