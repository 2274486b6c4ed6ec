# broken: ACT202
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
d = load_breast_cancer()
X = torch.tensor(d.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(d.target, dtype=torch.float32).view(-1, 1)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.2))
        self.last = nn.Linear(32, 1)

    def forward(self, x):
        return self.last(self.body(x)).sigmoid()


net = Classifier()
criterion = nn.BCEWithLogitsLoss() if sys.argv[1] == "broken" else nn.BCELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(20):
    for i in range(0, len(X), 32):
        opt.zero_grad()
        loss = criterion(net(X[i : i + 32]), y[i : i + 32])
        loss.backward()
        opt.step()
