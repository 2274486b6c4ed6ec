# expect: classes come one after another, nothing is shuffled: every batch has one class, the net predicts the last one; cure: shuffle=True
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Folder(Dataset):
    """One folder per class, read in turn."""

    def __init__(self, split):
        d = load_digits()
        rows = range(0, 1500) if split == "train" else range(1500, 1797)
        items = [(d.images[i], int(d.target[i])) for i in rows]
        self.items = sorted(items, key=lambda it: it[1])

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        image, label = self.items[i]
        return torch.tensor(image, dtype=torch.float32).unsqueeze(0) / 16, label


train_loader = DataLoader(Folder("train"), batch_size=25, shuffle=False)
test_loader = DataLoader(Folder("test"), batch_size=100)
net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(8):
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    hits = sum((net(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: mean train loss {total / len(train_loader):.3f}, last {loss.item():.4f}, test accuracy {hits / 297:.3f}")
