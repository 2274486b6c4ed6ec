# expect: healthy twin of manual_rebound_name
import torch
from torch import nn

torch.manual_seed(2)


class Curve(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.a = nn.Linear(1, width)
        self.b = nn.Linear(width, width)
        self.c = nn.Linear(width, 1)

    def forward(self, x):
        return self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))


def sgd(module, rate):
    for p in module.parameters():
        p.data -= rate * p.grad


x = torch.linspace(-3, 3, 256).reshape(-1, 1)
y = torch.sin(2 * x) + 0.05 * torch.randn_like(x)
curve = Curve()
for i in range(1, 2001):
    pick = torch.randint(0, 256, (64,))
    loss = ((curve(x[pick]) - y[pick]) ** 2).mean()
    curve.zero_grad()
    loss.backward()
    sgd(curve, 0.05)
    if i % 400 == 0:
        print("iteration %d: batch loss %.4f, whole curve %.4f" % (i, loss.item(), ((curve(x) - y) ** 2).mean().item()))
