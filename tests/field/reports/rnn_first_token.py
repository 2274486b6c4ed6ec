# expect: a plain tanh RNN has to keep its first token for 60 steps: the gradient over time has vanished, the loss stays at ln 2; cure: a gated cell that keeps its state
import argparse

import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.emb = nn.Embedding(10, 16)
        if cell == "rnn":
            self.rec = nn.RNN(16, 32, batch_first=True)
        else:
            self.rec = nn.GRU(16, 32, batch_first=True)
            with torch.no_grad():
                self.rec.bias_hh_l0[32:64] = 4.0  # keep the state for long
        self.out = nn.Linear(32, 2)

    def forward(self, t):
        h, _ = self.rec(self.emb(t))
        return self.out(h[:, -1])


def remember(n, length):
    t = torch.randint(2, 10, (n, length))
    t[:, 0] = torch.randint(0, 2, (n,))
    return t, t[:, 0].clone()


ap = argparse.ArgumentParser()
ap.add_argument("--cell", default="rnn", choices=["rnn", "gru"])
ap.add_argument("--length", type=int, default=60)
args = ap.parse_args()
torch.manual_seed(0)
model = Model(args.cell)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 301):
    t, y = remember(32, args.length)
    loss = nn.functional.cross_entropy(model(t), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        with torch.no_grad():
            t, y = remember(500, args.length)
            print(f"step {step} loss {loss.item():.4f} accuracy {(model(t).argmax(1) == y).float().mean().item():.3f}")
