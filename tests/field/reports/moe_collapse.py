import torch
from torch import nn

torch.manual_seed(0)
D, E, REGIONS = 8, 8, 6

centres = torch.randn(REGIONS, D) * 1.5
maps = torch.randn(REGIONS, D, 4) / D**0.5


def sample(n):
    r = torch.randint(REGIONS, (n,))
    noise = torch.randn(n, D) * 0.5
    x = centres[r] + noise + 4.0          # features come with an offset
    y = torch.einsum("nd,ndk->nk", noise, maps[r]) * 2
    return x, y


class MoE(nn.Module):
    """top-1 mixture of linear experts"""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(D, E, bias=False)
        self.experts = nn.ModuleList(nn.Linear(D, 4) for _ in range(E))
        self.aux = torch.zeros(())

    def forward(self, x):
        probs = self.router(x).softmax(-1)
        gate, choice = probs.max(-1)
        out = torch.zeros(len(x), 4)
        for e, expert in enumerate(self.experts):
            rows = (choice == e).nonzero().squeeze(1)
            if len(rows):
                out = out.index_add(0, rows, gate[rows, None] * expert(x[rows]))
        load = torch.bincount(choice, minlength=E) / len(x)
        self.aux = E * (load * probs.mean(0)).sum()
        self.load = load
        return out


moe = MoE()
nn.init.normal_(moe.router.weight, std=1.0)
optim = torch.optim.Adam(moe.parameters(), lr=1e-2)
for step in range(1001):
    x, y = sample(256)
    task = ((moe(x) - y) ** 2).mean()
    loss = task
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 250 == 0:
        with torch.no_grad():
            x, y = sample(4000)
            err = ((moe(x) - y) ** 2).mean() / y.var()
        print(f"step {step} mse {task.item():.4f} unexplained {err:.3f} load {[round(v, 2) for v in moe.load.tolist()]}")
