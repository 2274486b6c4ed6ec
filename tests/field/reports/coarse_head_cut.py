# expect: a penalty made of argmax and comparisons has no gradient, so the coarse head is never trained while the rest learns; cure: a differentiable term
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(9)
PARENT = torch.tensor([0, 0, 1, 1, 2, 2])  # fine class -> coarse class


class Hierarchical(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, 64), nn.ReLU())
        self.fine = nn.Linear(64, 6)
        self.coarse = nn.Linear(64, 3)

    def forward(self, x):
        h = self.trunk(x)
        return self.fine(h), self.coarse(h)


def agreement(fine_logits, coarse_logits):
    wanted = PARENT[fine_logits.argmax(1)]
    wrong = (coarse_logits.argmax(1) != wanted).float()
    return torch.exp(wrong).mean() - 1


means = 1.5 * torch.randn(6, 16)
net = Hierarchical()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
beta = 1.0
for step in range(1200):
    y = torch.randint(0, 6, (64,))
    x = means[y] + torch.randn(64, 16)
    fine, coarse = net(x)
    loss = F.cross_entropy(fine, y) + beta * agreement(fine, coarse)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 200 == 199:
        y = torch.randint(0, 6, (2000,))
        fine, coarse = net(means[y] + torch.randn(2000, 16))
        print(f"step {step + 1} loss {loss.item():.3f} fine acc {(fine.argmax(1) == y).float().mean():.3f} coarse acc {(coarse.argmax(1) == PARENT[y]).float().mean():.3f}")
