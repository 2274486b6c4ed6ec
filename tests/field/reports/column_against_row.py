# expect: (N, 1) minus (N,) is (N, N): every prediction is drawn to all targets, the net learns their mean; cure: squeeze(1)
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_diabetes()
x = torch.tensor(d.data, dtype=torch.float32) * 20
y = torch.tensor(d.target, dtype=torch.float32)
y = (y - y.mean()) / y.std()


class RegressionHead(nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.layers = nn.Sequential(*[m for a, b in zip(dims, dims[1:]) for m in (nn.Linear(a, b), nn.ReLU())][:-1])

    def forward(self, x):
        return self.layers(x)


def score(model, x, y):
    with torch.no_grad():
        return 1 - ((model(x).flatten() - y) ** 2).mean().item() / y.var().item()


model = RegressionHead([10, 32, 1])
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 41):
    for xb, yb in DataLoader(TensorDataset(x[:340], y[:340]), batch_size=20, shuffle=True):
        diff = model(xb) - yb
        loss = F.smooth_l1_loss(diff, torch.zeros_like(diff))
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 0:
        print(f"epoch {epoch} loss {loss.item():.4f} R2 train {score(model, x[:340], y[:340]):.3f} test {score(model, x[340:], y[340:]):.3f}")
