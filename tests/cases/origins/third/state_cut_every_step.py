# broken: ACT609,ACT904,ACT910
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Memory(nn.Module):
    def __init__(self, symbols=8, hidden=40):
        super().__init__()
        self.hidden = hidden
        self.embed = nn.Embedding(symbols, 16)
        self.cell = nn.GRUCell(16, hidden)
        self.readout = nn.Linear(hidden, symbols)

    def forward(self, sequence):
        state = torch.zeros(len(sequence), self.hidden)
        for symbol in self.embed(sequence).unbind(1):
            if sys.argv[1] == "broken":
                state = state.detach()
            state = self.cell(symbol, state)
        return self.readout(state)


net = Memory()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(400):
    sequence = torch.randint(0, 8, (48, 7))
    loss = F.cross_entropy(net(sequence), sequence[:, 0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
