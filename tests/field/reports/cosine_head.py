import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
digits = load_digits()
Xa, Xb, ya, yb = train_test_split(digits.data / 16, digits.target, test_size=0.25, random_state=1)
Xa, Xb = torch.tensor(Xa).float(), torch.tensor(Xb).float()
ya, yb = torch.tensor(ya), torch.tensor(yb)


class CosineClassifier(nn.Module):
    def __init__(self, dim, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, dim))

    def forward(self, feats):
        return F.normalize(feats, dim=1) @ F.normalize(self.weight, dim=1).t()


class ZeroShotNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.image_encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
        self.classifier = CosineClassifier(32, 10)

    def forward(self, x):
        return self.classifier(self.image_encoder(x))


net = ZeroShotNet()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
for epoch in range(1, 21):
    running = 0.0
    for rows in torch.randperm(len(Xa)).split(64):
        loss = F.cross_entropy(net(Xa[rows]), ya[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(rows)
    if epoch % 4 == 0:
        with torch.no_grad():
            p = net(Xb).softmax(1)
        print(f"epoch {epoch:2d} loss {running / len(Xa):.4f} val nll {F.nll_loss(p.log(), yb):.4f} "
              f"val acc {(p.argmax(1) == yb).float().mean():.3f} mean top probability {p.max(1).values.mean():.3f}")
