# expect: healthy twin of half_overflow
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Block(nn.Module):
    """Global attention between the cells of a feature map; kept in half precision."""

    def __init__(self, c):
        super().__init__()
        self.query, self.key, self.value = nn.Conv2d(c, 64, 1), nn.Conv2d(c, 64, 1), nn.Conv2d(c, c, 1)

    def forward(self, f):
        b, c, h, w = f.shape
        q, k, v = (m(f.float()).half().flatten(2) for m in (self.query, self.key, self.value))
        sim = torch.bmm(q.transpose(1, 2), k)
        return f + torch.bmm(v, F.softmax(sim, -1).transpose(1, 2)).float().view(b, c, h, w)


class Saliency(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU())
        self.att = Block(12)
        self.head = nn.Conv2d(12, 1, 1)

    def forward(self, x):
        return self.head(self.att(self.stem(x / 4095)))


def scene(n):
    x = torch.rand(n, 1, 10, 10) * 4095
    m = torch.zeros(n, 1, 10, 10)
    for i in range(n):
        r, c = torch.randint(0, 6, (2,))
        m[i, 0, r:r + 4, c:c + 4] = 1
    return x * (1 - m) * 0.4 + m * (2800 + x * 0.2), m


net = Saliency()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for it in range(1, 151):
    x, m = scene(6)
    loss = F.binary_cross_entropy_with_logits(net(x), m)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 30 == 0 or it == 1:
        print(it, f"loss {loss.item():.4f}", f"pixels right {((net(x) > 0).float() == m).float().mean().item():.3f}")
