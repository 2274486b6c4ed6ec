# expect: the heads live in a plain dict, the optimizer never sees them; only the shared layer learns; cure: nn.ModuleDict
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(1)


class MultiTask(nn.Module):
    def __init__(self, tasks, hidden=6):
        super().__init__()
        self.shared = nn.Linear(12, hidden)
        self.heads = {}
        for name, size in tasks.items():
            self.heads[name] = nn.Sequential(nn.Linear(hidden, 24), nn.ReLU(), nn.Linear(24, size))

    def forward(self, x):
        h = F.elu(self.shared(x))
        return {name: head(h) for name, head in self.heads.items()}


mix = torch.randn(12, 2)


def batch(n=128):
    x = torch.randn(n, 12)
    z = x @ mix / 12 ** 0.5
    colour = (z[:, 0] > 0).long() + 2 * (z[:, 1] > 0).long()
    size = (z[:, :1] * z[:, 1:]).tanh()
    return x, colour, size


model = MultiTask({"colour": 4, "size": 1})
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1501):
    x, colour, size = batch()
    out = model(x)
    l1 = F.cross_entropy(out["colour"], colour)
    l2 = F.mse_loss(out["size"], size)
    loss = l1 + l2
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 300 == 0:
        x, colour, size = batch(2000)
        out = model(x)
        acc = (out["colour"].argmax(1) == colour).float().mean().item()
        r2 = 1 - (F.mse_loss(out["size"], size) / size.var()).item()
        print(f"{step:5d} colour {l1.item():.3f} size {l2.item():.3f} | colour acc {acc:.3f} size R2 {r2:.3f}")
