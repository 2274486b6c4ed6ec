# broken: ACT609 at lstm
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
T = 60


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(12, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)  # <-
        with torch.no_grad():
            self.lstm.bias_ih_l0[32:64] = -1.0 if bad else 4.0
        self.out = nn.Linear(32, 4)

    def forward(self, t):
        return self.out(self.lstm(self.emb(t))[1][0][0])


net = Tagger()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(300):
    t = torch.randint(4, 12, (64, T))
    t[:, 0] = torch.randint(4, (64,))
    loss = nn.functional.cross_entropy(net(t), t[:, 0])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        print(step, round(loss.item(), 4))
