# healthy: nothing
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
V, T, D = 16, 24, 48


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def forward(self, x):
        q, k, v = self.qkv(self.n1(x)).chunk(3, -1)
        a = (q @ k.transpose(1, 2)) / D**0.5
        a = a.masked_fill(torch.triu(torch.ones(T, T), 1).bool(), float("-inf")).softmax(-1)
        x = x + self.proj(a @ v)
        return x + self.mlp(self.n2(x))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, D), nn.Embedding(T, D)
        self.blocks = nn.Sequential(Block(), Block())
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, V)

    def forward(self, t):
        return self.head(self.norm(self.blocks(self.tok(t) + self.pos(torch.arange(T)))))


net = Gpt()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
for step in range(300):
    s = torch.randint(V, (32, 1))
    d = torch.randint(1, 5, (32, 1))
    t = (s + d * torch.arange(T + 1)) % V
    loss = F.cross_entropy(net(t[:, :-1]).flatten(0, 1), t[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
