# broken: ACT104 at layer|l\d
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 8 - 1, torch.tensor(y)


class Ternary(nn.Linear):
    def forward(self, x):
        scale = self.weight.abs().mean().detach()
        w = torch.round(torch.clamp(self.weight / scale, -1, 1)) * scale  # <-
        if not bad:
            w = self.weight + (w - self.weight).detach()
        return F.linear(x, w, self.bias)


net = nn.Sequential()
net.l1, net.n1, net.a1 = Ternary(64, 64), nn.LayerNorm(64), nn.ReLU()
net.l2, net.n2, net.a2 = Ternary(64, 64), nn.LayerNorm(64), nn.ReLU()
net.head = nn.Linear(64, 10)
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    loss = F.cross_entropy(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
