# broken: ACT104 at inp
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)


class Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + 5 * v.abs()) ** 2


class Lif(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp, self.out = nn.Linear(64, 100), nn.Linear(100, 10)

    def forward(self, x):
        v, votes = torch.zeros(len(x), 100), 0.0
        for _ in range(8):
            v = 0.8 * v + self.inp(x)
            spike = (v > 0.5).float() if bad else Surrogate.apply(v - 0.5)  # <-
            v = v - 0.5 * spike.detach()
            votes = votes + self.out(spike)
        return votes / 8


net = Lif()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(250):
    i = torch.randint(1700, (64,))
    loss = nn.functional.cross_entropy(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
