# broken: ACT609 at rnn
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
        self.embed = nn.Embedding(30, 16)
        self.rnn = nn.RNN(16, 32, batch_first=True)
        self.out = nn.Linear(32, 3)

    def forward(self, words):
        return self.out(self.rnn(self.embed(words))[1][0])


length = 100 if broken else 6
net = Reader()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for step in range(350):
    words = torch.randint(3, 30, (48, length))
    words[:, 0] = torch.randint(0, 3, (48,))
    loss = F.cross_entropy(net(words), words[:, 0])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
