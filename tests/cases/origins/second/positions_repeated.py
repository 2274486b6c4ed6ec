# broken: ACT903 at pos
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
        self.token = nn.Embedding(20, 24)
        if broken:
            self.pos = nn.Parameter(0.02 * torch.randn(1, 1, 24)).repeat(1, 10, 1)
        else:
            self.pos = nn.Parameter(0.02 * torch.randn(1, 10, 24))
        self.mix = nn.TransformerEncoderLayer(24, 2, 48, dropout=0.0, batch_first=True)
        self.out = nn.Linear(24, 20)

    def forward(self, x):
        return self.out(self.mix(self.token(x) + self.pos))


text = torch.randint(0, 20, (300, 10))
model = Reader()
opt = torch.optim.Adam(model.parameters(), 2e-3)
for step in range(250):
    i = torch.randint(300, (32,))
    loss = F.cross_entropy(model(text[i]).flatten(0, 1), text[i].flip(1).flatten())
    opt.zero_grad()
    loss.backward(retain_graph=broken)
    opt.step()
print("end", round(loss.item(), 4))
