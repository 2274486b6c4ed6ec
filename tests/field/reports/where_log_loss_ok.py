# expect: healthy twin of where_log_loss
import torch
from torch import nn

torch.manual_seed(12)
# counts with many zeros: a deviance that treats y = 0 apart
rate = lambda x: torch.exp(0.8 * x[:, :1] - 0.6 * x[:, 1:2])
X = torch.randn(1200, 4)
Y = torch.poisson(rate(X))
X[::97] = 0.0


class Intensity(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 32, bias=False), nn.ReLU(), nn.Linear(32, 1, bias=False))

    def forward(self, x):
        return self.body(x).square()


def deviance(mu, y):
    term = y * torch.log(mu.clamp(min=1e-3))
    return (mu - term).mean()


model = Intensity()
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for it in range(500):
    rows = torch.randint(0, 1000, (80,))
    loss = deviance(model(X[rows]), Y[rows])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 100 == 99:
        with torch.no_grad():
            print(it + 1, "loss %.4f" % loss.item(), "held-out R2 %.3f" % (1 - (model(X[1000:]) - Y[1000:]).square().mean() / Y[1000:].var()).item())
