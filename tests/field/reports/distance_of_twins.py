# expect: a pair may be one and the same row: sqrt at 0 has an infinite slope, times 0 it is NaN, though the loss of that step is finite; cure: sqrt(d2 + eps)
import torch
from torch import nn

torch.manual_seed(0)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(20, 40), nn.LeakyReLU(), nn.Linear(40, 8))

    def forward(self, a, b):
        d2 = (self.enc(a) - self.enc(b)).pow(2).sum(1)
        return torch.sqrt(d2)


def contrastive(dist, same, margin=2.0):
    return (same * dist.pow(2) + (1 - same) * (margin - dist).clamp(min=0).pow(2)).mean()


proto = torch.randn(8, 20)
bank = torch.cat([p + 0.5 * torch.randn(40, 20) for p in proto])
owner = torch.arange(8).repeat_interleave(40)


def pairs(n):
    i = torch.randint(0, 320, (n,))
    j = torch.where(torch.rand(n) < 0.5, torch.randint(0, 320, (n,)), owner[i] * 40 + torch.randint(0, 40, (n,)))
    return bank[i], bank[j], (owner[i] == owner[j]).float()


net = Siamese()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for it in range(1, 1201):
    a, b, same = pairs(64)
    loss = contrastive(net(a, b), same)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 200 == 0:
        a, b, same = pairs(2000)
        right = ((net(a, b) < 1.0).float() == same).float().mean().item()
        print(f"iteration {it}: loss {loss.item():.4f}, pairs told right {right:.3f}")
