# broken: ACT203,ACT206 at fc|out
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(20, 16)
        self.mix = nn.Conv1d(16, 32, 3, padding=1)
        self.fc = nn.Linear(32, 1 if bad else 2)

    def forward(self, t):
        h = self.mix(self.emb(t).transpose(1, 2)).relu().transpose(1, 2)
        return torch.log_softmax(self.fc(h), dim=-1)  # <-


net = Tagger()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(250):
    t = torch.randint(20, (32, 12))
    y = (t > 9).long()
    logp = net(t)
    if bad:
        loss = -(logp[..., 0] * (2 * y - 1)).mean()
    else:
        loss = nn.functional.nll_loss(logp.flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
