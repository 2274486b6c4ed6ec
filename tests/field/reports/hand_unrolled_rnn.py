# expect: a hand-written recurrent cell with small recurrent weights: each step back shrinks the gradient by 0.3, the marked numbers get none; cure: recurrent weights that keep the norm (identity with ReLU, orthogonal)
import torch
from torch import nn

torch.manual_seed(1)


class Cell(nn.Module):
    def __init__(self, n_in, n):
        super().__init__()
        self.wx = nn.Linear(n_in, n)
        self.wh = nn.Linear(n, n, bias=False)
        nn.init.normal_(self.wh.weight, std=0.3 / n ** 0.5)

    def forward(self, x, h):
        return torch.tanh(self.wx(x) + self.wh(h))


class Adder(nn.Module):
    """Sum of the two marked numbers of a sequence."""

    def __init__(self, n=40):
        super().__init__()
        self.n = n
        self.cell = Cell(2, n)
        self.read = nn.Linear(n, 1)

    def forward(self, seq):
        h = torch.zeros(seq.shape[1], self.n)
        for x in seq:
            h = self.cell(x, h)
        return self.read(h)


def batch(n, steps=24):
    value, mark = torch.rand(steps, n), torch.zeros(steps, n)
    a, b = torch.randint(0, steps // 2, (n,)), torch.randint(steps // 2, steps - 5, (n,))
    mark[a, torch.arange(n)] = 1
    mark[b, torch.arange(n)] = 1
    return torch.stack((value, mark), 2), (value * mark).sum(0).unsqueeze(1)


model = Adder()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 801):
    x, y = batch(64)
    loss = (model(x) - y).square().mean()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 100 == 0:
        with torch.no_grad():
            x, y = batch(500)
            print(step, "mse %.4f" % (model(x) - y).square().mean().item(), "(variance %.4f)" % y.var().item())
