# expect: healthy twin of sign_hidden
import torch
from torch import nn


class Binary(nn.Module):
    def forward(self, x):
        return torch.sign(x)


class StraightThrough(nn.Module):
    def forward(self, x):
        soft = x.clamp(-1, 1)
        return soft + (torch.sign(x) - soft).detach()


def build(act):
    return nn.Sequential(nn.Linear(8, 10), act(), nn.Linear(10, 8), act(), nn.Linear(8, 1))


torch.manual_seed(7)
teacher = torch.randn(3, 8)
x = torch.randn(3000, 8)
y = ((x @ teacher.t()).prod(1, keepdim=True) > 0).float()
xv, yv, x, y = x[2000:], y[2000:], x[:2000], y[:2000]

net = build(StraightThrough)
optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
bce = nn.BCEWithLogitsLoss()
for epoch in range(60):
    for xb, yb in zip(x.split(100), y.split(100)):
        optimiser.zero_grad()
        loss = bce(net(xb), yb)
        loss.backward()
        optimiser.step()
    if epoch % 12 == 11:
        with torch.no_grad():
            print("epoch", epoch + 1, "train %.4f" % bce(net(x), y).item(), "val acc %.3f" % ((net(xv) > 0) == (yv > 0.5)).float().mean().item())
