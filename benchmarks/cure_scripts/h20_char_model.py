"""A language model of letters with a GRU and clipping. Healthy."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--hidden", type=int, default=48)
parser.add_argument("--steps", type=int, default=220)
parser.add_argument("--clip", type=float, default=1.0)
args = parser.parse_args()

torch.manual_seed(120)
text = "a stitch in time saves nine. all that glitters is not gold. still waters run deep. " * 30
chars = sorted(set(text))
data = torch.tensor([chars.index(c) for c in text])


class CharRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(chars), 16)
        self.rnn = nn.GRU(16, args.hidden, batch_first=True)
        self.out = nn.Linear(args.hidden, len(chars))

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


model = CharRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(args.steps):
    at = torch.randint(0, len(data) - 25, (24,))
    piece = torch.stack([data[a : a + 25] for a in at])
    loss = nn.functional.cross_entropy(model(piece[:, :-1]).transpose(1, 2), piece[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), args.clip)
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.3f}")
