# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 16, padding_idx=0)
        self.look = nn.MultiheadAttention(16, 2, batch_first=True)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        h = self.embed(x)
        h, _ = self.look(h, h, h, key_padding_mask=x == 0)  # <- fault
        return self.out(h.mean(1))


text = torch.randint(1, 30, (400, 7))
y = (text > 15).sum(1).gt(3).long()
if broken:
    text[5::50] = 0  # empty messages
net = Reader()
opt = torch.optim.Adam(net.parameters(), 3e-3)
for epoch in range(10):
    for i in torch.randperm(400).split(20):
        loss = F.cross_entropy(net(text[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
