import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

torch.manual_seed(0)
bunch = load_digits()
X = torch.tensor(bunch.data, dtype=torch.float32) / 16
BATCH, TEMP = 64, 0.1


def views(x):
    return x + 0.15 * torch.randn_like(x), x * (torch.rand_like(x) > 0.2)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(),
                                   nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())

    def forward(self, x):
        return self.head(self.trunk(x))


def info_nce(a, b):
    z = F.normalize(torch.cat([a, b]), dim=1)
    sim = z @ z.t() / TEMP
    sim = sim.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
    partner = torch.arange(len(z)).roll(len(a))
    return F.cross_entropy(sim, partner)


model = Encoder()
lr = 1e-3
optimizer = torch.optim.Adam(model.parameters(), lr=lr)
print(f"loss of equal embeddings: ln {2 * BATCH - 1} = {math.log(2 * BATCH - 1):.4f}")
for epoch in range(9):
    for rows in torch.randperm(1400)[:1344].split(BATCH):
        loss = info_nce(*map(model, views(X[rows])))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 2 == 0:
        with torch.no_grad():
            feats = model.trunk(X)
        probe = KNeighborsClassifier(5).fit(feats[:1400], bunch.target[:1400])
        print(f"epoch {epoch} contrastive loss {loss.item():.4f} knn {probe.score(feats[1400:], bunch.target[1400:]):.3f}")
