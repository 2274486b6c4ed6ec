# broken: ACT609 at rec
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
T = 80


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rec = nn.RNN(3, 32, batch_first=True)  # <-
        self.out = nn.Linear(32, 2)
        if not bad:
            self.rec = nn.RNN(3, 32, batch_first=True, nonlinearity="relu")
            nn.init.eye_(self.rec.weight_hh_l0)
            nn.init.zeros_(self.rec.bias_hh_l0)

    def forward(self, x):
        return self.out(self.rec(x)[0][:, -1])


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(300):
    y = torch.randint(2, (64,))
    x = torch.zeros(64, T, 3)
    x[:, :, 2] = 0.1 * torch.randn(64, T)
    x[torch.arange(64), 0, y] = 1.0
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if step % 50 == 0:
        print(step, round(loss.item(), 4))
