# expect: nn.Parameter(...).to(...) is a plain tensor: the gate is no parameter of the module and never moves; cure: convert before wrapping
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Experts(nn.Module):
    def __init__(self, n_in, n_out, experts=4):
        super().__init__()
        gate = torch.zeros(n_in, experts, dtype=torch.float64)
        self.w_gate = nn.Parameter(gate, requires_grad=True).to(torch.float32)
        self.experts = nn.ModuleList(nn.Linear(n_in, n_out) for _ in range(experts))

    def forward(self, x):
        g = torch.softmax(x @ self.w_gate, dim=1)
        y = torch.stack([e(x) for e in self.experts], 1)
        return (g.unsqueeze(2) * y).sum(1)


centre = 3 * torch.randn(4, 6)
rule = torch.randn(4, 6, 2)


def regimes(n):
    k = torch.randint(0, 4, (n,))
    x = centre[k] + torch.randn(n, 6)
    return x, torch.einsum("ni,nio->no", x - centre[k], rule[k])


moe = Experts(6, 2)
opt = torch.optim.Adam(moe.parameters(), lr=0.01)
for i in range(1, 1501):
    x, y = regimes(128)
    loss = F.mse_loss(moe(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 300 == 0:
        x, y = regimes(2000)
        share = torch.softmax(x @ moe.w_gate, 1).amax(1).mean().item()
        print(f"{i} loss {loss.item():.4f} R2 {1 - F.mse_loss(moe(x), y).item() / y.var().item():.3f} mean top gate {share:.3f}")
