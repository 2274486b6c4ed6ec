# broken: ACT609 at cell
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(2, 24)
        if broken:
            nn.init.constant_(self.cell.bias_ih[24:48], -2.0)
        else:
            nn.init.constant_(self.cell.bias_ih[24:48], 3.0)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        h = c = torch.zeros(x.shape[1], 24)
        for t in x:
            h, c = self.cell(t, (h, c))
        return self.out(h)


net = Sum()
opt = torch.optim.Adam(net.parameters(), 5e-3)
for step in range(350):
    x = torch.randn(40, 48, 2)
    x[:, :, 1] = 0
    x[0, :, 1] = 1  # the marked number is to be said at the end
    loss = F.mse_loss(net(x), x[0, :, :1])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
