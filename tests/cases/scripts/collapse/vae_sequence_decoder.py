# broken: ACT407 at mean|to_
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
# a recurrent decoder that sees the sequence itself needs no latent
V, T = 12, 12


def batch(n=64):
    start = torch.randint(V, (n, 1))
    stride = torch.randint(1, 4, (n, 1))
    return (start + stride * torch.arange(T)) % V


class TextVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, 16)
        self.enc = nn.GRU(16, 32, batch_first=True)
        self.to_mean, self.to_logvar = nn.Linear(32, 4), nn.Linear(32, 4)
        self.dec = nn.GRU(16 + 4, 32, batch_first=True)
        self.out = nn.Linear(32, V)

    def forward(self, t):
        e = self.emb(t)
        h = self.enc(e)[1][0]
        mean, logvar = self.to_mean(h), self.to_logvar(h)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        if bad:
            seen = e[:, :-1]
        else:
            seen = torch.zeros_like(e[:, :-1])  # the decoder's words are dropped
        inp = torch.cat([seen, z[:, None].expand(-1, T - 1, -1)], -1)
        return self.out(self.dec(inp)[0]), mean, logvar


net = TextVae()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(500):
    t = batch()
    out, mean, logvar = net(t)
    ce = F.cross_entropy(out.flatten(0, 1), t[:, 1:].flatten(), reduction="sum") / len(t)
    kl = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(1).mean()
    weight = 1.0 if bad else min(1.0, step / 400)
    loss = ce + weight * kl
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(ce.item(), 3), round(kl.item(), 4))
