# expect: healthy twin of bf16_adam_finetune
import torch
from torch import nn

torch.manual_seed(0)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(8, 64)
        self.mid = nn.Linear(64, 64)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        h = torch.relu(self.inp(x))
        h = h + torch.relu(self.mid(h))
        return self.out(h)


def task(shift, n=2000):
    x = torch.randn(n, 8)
    return x, (x[:, :1] * x[:, 1:2] + shift * x[:, 2:3]).tanh()


def run(model, x, y, steps, lr):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for s in range(steps):
        i = torch.randint(0, len(x), (64,))
        loss = (model(x[i]) - y[i]).float().square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item()


net = Regressor()
x, y = task(1.0)
print("pretraining loss", round(run(net, x, y, 800, 3e-3), 4))
x, y = task(-1.0)
net = net.float()
x, y = x.to(net.out.weight.dtype), y.to(net.out.weight.dtype)
for part in range(6):
    run(net, x, y, 150, 5e-5)
    with torch.no_grad():
        print("fine-tuning", (part + 1) * 150, "loss", round((net(x) - y).float().square().mean().item(), 4))
