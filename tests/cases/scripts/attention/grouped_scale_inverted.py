# broken: ACT503 at attention
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(4)
DIM, HEADS, KV, HEAD = 128, 4, 2, 64


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.wq = nn.Linear(DIM, HEADS * HEAD, bias=False)
        self.wk = nn.Linear(DIM, KV * HEAD, bias=False)
        self.wv = nn.Linear(DIM, KV * HEAD, bias=False)
        self.wo = nn.Linear(HEADS * HEAD, DIM, bias=False)

    def forward(self, x):
        b, t, _ = x.shape
        q = self.wq(x).view(b, t, HEADS, HEAD).transpose(1, 2)
        k = self.wk(x).view(b, t, KV, HEAD).transpose(1, 2)
        v = self.wv(x).view(b, t, KV, HEAD).transpose(1, 2)
        scale = HEAD if bad else HEAD**-0.5
        y = F.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scale, enable_gqa=True
        )  # <-
        return self.wo(y.transpose(1, 2).reshape(b, t, -1))


class Model(nn.Module):
    """Repeats the token of four places ago."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(16, DIM), nn.Embedding(24, DIM)
        self.norm, self.attention, self.last = nn.RMSNorm(DIM), Attention(), nn.RMSNorm(DIM)
        self.head = nn.Linear(DIM, 16, bias=False)

    def forward(self, x):
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        return self.head(self.last(self.attention(self.norm(h))))


model = Model()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(400):
    x = torch.randint(16, (32, 24))
    out = model(x)
    loss = F.cross_entropy(out[:, 4:].flatten(0, 1), x[:, :-4].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
