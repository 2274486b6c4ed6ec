# expect: CosineEmbeddingLoss with targets 0 for unlike pairs: these count as loss 0 and all vectors collapse to one direction while the loss falls; cure: targets -1 and +1
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    """Do both vectors come from the same of 6 sources?"""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        proto = torch.randn(6, 24, generator=torch.Generator().manual_seed(99)) + 1.5
        i, j = torch.randint(0, 6, (n,), generator=g), torch.randint(0, 6, (n,), generator=g)
        j = torch.where(torch.rand(n, generator=g) < 0.4, i, j)
        self.a = proto[i] + 0.4 * torch.randn(n, 24, generator=g)
        self.b = proto[j] + 0.4 * torch.randn(n, 24, generator=g)
        self.same = (i == j).float()

    def __len__(self):
        return len(self.same)

    def __getitem__(self, k):
        return self.a[k], self.b[k], self.same[k]


torch.manual_seed(0)
train, test = Pairs(1500, 1), Pairs(500, 2)
tower = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 12))
criterion = nn.CosineEmbeddingLoss(margin=0.2)
optimizer = torch.optim.Adam(tower.parameters(), lr=1e-3)
for epoch in range(1, 13):
    for a, b, same in DataLoader(train, batch_size=50, shuffle=True):
        target = same
        loss = criterion(tower(a), tower(b), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        with torch.no_grad():
            cos = torch.cosine_similarity(tower(test.a), tower(test.b))
        right = ((cos > 0.6).float() == test.same).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.5f} mean cosine same {cos[test.same == 1].mean():.3f} other {cos[test.same == 0].mean():.3f} right {right:.3f}")
