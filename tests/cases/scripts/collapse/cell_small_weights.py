# broken: ACT609 at cell
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)


class Recall(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.cell = nn.RNNCell(4, size)
        self.read = nn.Linear(size, 4)
        if bad:
            nn.init.normal_(self.cell.weight_hh, std=0.05)
        else:
            nn.init.orthogonal_(self.cell.weight_hh)
            nn.init.zeros_(self.cell.bias_hh)
            nn.init.zeros_(self.cell.bias_ih)

    def forward(self, x):
        h = torch.zeros(len(x), 32)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)  # <-
        return self.read(h)


net = Recall()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(300):
    y = torch.randint(4, (64,))
    x = torch.zeros(64, 25, 4)
    x[torch.arange(64), 0, y] = 1.0
    loss = nn.functional.cross_entropy(net(x + 0.01 * torch.randn_like(x)), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if step % 50 == 0:
        print(step, round(loss.item(), 4))
