import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
X = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
Y = torch.tensor(digits.target)


def augment(x):
    dx, dy = torch.randint(-1, 2, (2,)).tolist()
    x = torch.roll(x, (dx, dy), (2, 3))
    return x * (0.8 + 0.4 * torch.rand(len(x), 1, 1, 1)) + 0.1 * torch.randn_like(x)


class SimSiam(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(512, 64))
        self.projector = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
        self.predictor = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64))

    def forward(self, a, b):
        z1, z2 = self.projector(self.encoder(a)), self.projector(self.encoder(b))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        return p1, p2, z1, z2


def neg_cos(p, z):
    return -F.cosine_similarity(p, z, dim=-1).mean()


def probe(f, steps=150):
    lin = nn.Linear(64, 10)
    o = torch.optim.Adam(lin.parameters(), lr=0.03)
    for _ in range(steps):
        o.zero_grad()
        F.cross_entropy(lin(f[:1400]), Y[:1400]).backward()
        o.step()
    return (lin(f[1400:]).argmax(1) == Y[1400:]).float().mean().item()


net = SimSiam()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
for epoch in range(12):
    for rows in torch.randperm(1400).split(128):
        p1, p2, z1, z2 = net(augment(X[rows]), augment(X[rows]))
        loss = 0.5 * neg_cos(p1, z2) + 0.5 * neg_cos(p2, z1)
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 3 == 2:
        net.eval()
        with torch.no_grad():
            f = F.normalize(net.projector(net.encoder(X)), dim=1)
        net.train()
        print(f"epoch {epoch} loss {loss.item():.4f} std {f.std(0).mean().item():.4f} (good: {64**-0.5:.3f}) linear probe {probe(f):.3f}")
