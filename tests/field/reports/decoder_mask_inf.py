# expect: the causal mask leaves out the diagonal, so the first position may see nothing: its softmax row is all -inf; cure: diagonal=0
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
B, T, D, V = 32, 10, 24, 11


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D)
        self.out = nn.Linear(D, D)

    def forward(self, x, allowed):
        q, k, v = self.qkv(x).chunk(3, -1)
        w = q @ k.transpose(1, 2) / math.sqrt(D)
        w = w.masked_fill(~allowed, float("-inf"))
        return self.out(F.softmax(w, -1) @ v)


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, D), nn.Embedding(T, D)
        self.attn, self.mlp = SelfAttention(), nn.Sequential(nn.Linear(D, 48), nn.GELU(), nn.Linear(48, D))
        self.n1, self.n2, self.head = nn.LayerNorm(D), nn.LayerNorm(D), nn.Linear(D, V)

    def forward(self, t):
        allowed = torch.tril(torch.ones(T, T, dtype=torch.bool), diagonal=-1)
        x = self.tok(t) + self.pos(torch.arange(T))
        x = x + self.attn(self.n1(x), allowed)
        return self.head(x + self.mlp(self.n2(x)))


def counting(n=B):
    start, stride = torch.randint(0, V, (n, 1)), torch.randint(1, 4, (n, 1))
    return (start + stride * torch.arange(T + 1)) % V


lm = LM()
opt = torch.optim.AdamW(lm.parameters(), lr=3e-3)
for step in range(1, 601):
    s = counting()
    loss = F.cross_entropy(lm(s[:, :-1]).reshape(-1, V), s[:, 1:].reshape(-1))
    opt.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
    opt.step()
    if step in (1, 100, 300, 600):
        s = counting(500)
        print(step, "loss", round(loss.item(), 4), "last token right", round((lm(s[:, :-1])[:, -1].argmax(-1) == s[:, -1]).float().mean().item(), 3))
