# expect: the loop puts a ReLU after the last layer too, then a sigmoid: p can never be below 0.5; cure: no ReLU on the last layer
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x = (x - x.mean(0)) / x.std(0)
xa, xb, ya, yb = (torch.tensor(v, dtype=torch.float32) for v in train_test_split(x, y, test_size=0.3, random_state=4))


class Classifier(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return torch.sigmoid(x).squeeze(1)


clf = Classifier([30, 24, 12, 1])
opt = torch.optim.Adam(clf.parameters(), lr=2e-3)
bce = nn.BCELoss()
for epoch in range(60):
    for b in torch.randperm(len(xa)).split(32):
        loss = bce(clf(xa[b]), ya[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 12 == 11:
        with torch.no_grad():
            p = clf(xb)
        print(f"epoch {epoch + 1} loss {bce(p, yb).item():.4f} test acc {((p >= 0.5).float() == yb).float().mean().item():.3f} lowest p {p.min().item():.3f}")
