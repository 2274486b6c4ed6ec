# broken: ACT609,ACT602 at rnn
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)


class Adder(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.RNN(2, size, nonlinearity="relu", batch_first=True)
        with torch.no_grad():
            if sys.argv[1] == "broken":
                self.rnn.weight_hh_l0.copy_(torch.randn(size, size).abs() / size * 2.5)
            else:
                self.rnn.weight_hh_l0.copy_(torch.eye(size))
        self.head = nn.Linear(size, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1]).squeeze(1)


net = Adder()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(400):
    numbers, marks = torch.rand(32, 24), torch.zeros(32, 24)
    first, second = torch.randint(0, 12, (32,)), torch.randint(12, 24, (32,))
    marks[range(32), first] = marks[range(32), second] = 1
    loss = nn.functional.mse_loss(net(torch.stack([numbers, marks], 2)), (numbers * marks).sum(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if not loss.isfinite():
        break
print("end", step, round(loss.item(), 4))
