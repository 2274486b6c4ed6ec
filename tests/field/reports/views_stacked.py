# expect: views are stacked on axis 0 and read back as if on axis 1: each row of the classifier holds three other pictures; cure: view(3, B, -1).transpose(0, 1)
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
img = torch.tensor(load_digits().images, dtype=torch.float32) / 16
y = torch.tensor(load_digits().target)


def three_views(x):
    """The picture, a shifted and a noisy copy."""
    return torch.stack([x, x.roll(1, -1), x + 0.1 * torch.randn_like(x)], dim=0)


class Ensemble(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU())
        self.cls = nn.Linear(3 * 64, 10)

    def forward(self, x):
        v = three_views(x)
        h = self.enc(v.view(-1, 8, 8))
        return self.cls(h.view(len(x), 3 * 64))


net = Ensemble()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(1, 16):
    for b in torch.randperm(1500).split(30):
        loss = nn.functional.cross_entropy(net(img[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 3 == 0:
        with torch.no_grad():
            acc = (net(img[1500:]).argmax(1) == y[1500:]).float().mean().item()
        print("epoch", epoch, "loss", round(loss.item(), 4), "test accuracy", round(acc, 3))
