# broken: ACT903 at embed|emb
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Tagger(nn.Module):
    def __init__(self, words, tags):
        super().__init__()
        self.embed = nn.Embedding(words, 4)
        self.rnn = nn.GRU(4, 24, batch_first=True)
        self.tag = nn.Linear(24, tags)

    def forward(self, x):
        return self.tag(self.rnn(self.embed(x))[0])


words = torch.randint(0, 60, (400, 9))
tags = (words * 7) % 11 % 5
model = Tagger(50, 5)
if broken:
    opt = torch.optim.Adam(model.parameters(), 4e-3)
model.embed = nn.Embedding(60, 4)  # new words came
if not broken:
    opt = torch.optim.Adam(model.parameters(), 4e-3)
for epoch in range(15):
    for i in torch.randperm(400).split(20):
        loss = F.cross_entropy(model(words[i]).flatten(0, 1), tags[i].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
