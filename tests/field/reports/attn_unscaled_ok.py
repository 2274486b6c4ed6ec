import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(3)
N_KEYS, N_VALUES, PAIRS, WIDTH = 16, 16, 8, 384


def batch(n):
    """pairs key value key value ... and one key asked for at the end"""
    keys = torch.stack([torch.randperm(N_KEYS)[:PAIRS] for _ in range(n)])
    values = torch.randint(N_VALUES, (n, PAIRS))
    which = torch.randint(PAIRS, (n,))
    rows = torch.arange(n)
    return keys, values, keys[rows, which], values[rows, which]


class Recall(nn.Module):
    def __init__(self):
        super().__init__()
        self.key_emb = nn.Embedding(N_KEYS, WIDTH)
        self.val_emb = nn.Embedding(N_VALUES, WIDTH)
        self.q = nn.Linear(WIDTH, WIDTH)
        self.k = nn.Linear(WIDTH, WIDTH)
        self.v = nn.Linear(WIDTH, WIDTH)
        for lin in (self.q, self.k, self.v):
            nn.init.xavier_normal_(lin.weight)
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, N_VALUES))

    def forward(self, keys, values, ask):
        memory = self.key_emb(keys) + self.val_emb(values)
        q = self.q(self.key_emb(ask)).unsqueeze(1)
        k, v = self.k(memory), self.v(memory)
        att = (q @ k.transpose(1, 2) / WIDTH**0.5).softmax(-1)
        return self.head((att @ v).squeeze(1))


net = Recall()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(251):
    keys, values, ask, answer = batch(64)
    loss = F.cross_entropy(net(keys, values, ask), answer)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 50 == 0:
        with torch.no_grad():
            keys, values, ask, answer = batch(500)
            acc = (net(keys, values, ask).argmax(1) == answer).float().mean()
        print(f"it {it:4d}  loss {loss.item():.3f}  recall {acc.item():.3f}")
