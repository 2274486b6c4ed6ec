# expect: the squared norm of all weights enters the loss with 0.1: the penalty wins, the weights go to 0 and the mean is predicted; cure: 1e-5
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.out = nn.Linear(6, 40), nn.Linear(40, 40), nn.Linear(40, 1)

    def forward(self, x):
        return self.out(torch.tanh(self.l2(torch.tanh(self.l1(x)))))


def penalised(net, x, y, lam):
    fit = F.mse_loss(net(x), y)
    penalty = sum(p.pow(2).sum() for p in net.parameters())
    return fit, fit + lam * penalty


def friedman(n):
    x = torch.rand(n, 6) * 2 - 1
    return x, torch.sin(3 * x[:, :1] * x[:, 1:2]) + x[:, 2:3] ** 2 - 0.5 * x[:, 3:4]


xt, yt = friedman(1200)
xv, yv = friedman(400)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(1, 41):
    for b in torch.randperm(1200).split(40):
        fit, loss = penalised(net, xt[b], yt[b], lam=0.1)
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 0:
        with torch.no_grad():
            print(f"epoch {epoch} fit {fit.item():.4f} total {loss.item():.4f} val R2 {1 - (F.mse_loss(net(xv), yv) / yv.var()).item():.3f}")
