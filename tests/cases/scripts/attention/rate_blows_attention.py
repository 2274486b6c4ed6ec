# broken: ACT605
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(6)


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(12, 48), nn.Embedding(20, 48)
        self.qkv, self.out = nn.Linear(48, 144), nn.Linear(48, 48)
        self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 12)

    def forward(self, x):
        h = self.norm(self.tokens(x) + self.places(torch.arange(x.shape[1])))
        q, k, v = (p.unflatten(-1, (3, 16)).transpose(1, 2) for p in self.qkv(h).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(h + self.out(y.transpose(1, 2).flatten(2)))


net = Tiny()
opt = torch.optim.Adam(net.parameters(), lr=0.5 if bad else 3e-3)  # <-
for step in range(300):
    x = torch.randint(12, (32, 20))
    loss = F.cross_entropy(net(x)[:, 2:].flatten(0, 1), x[:, :-2].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
