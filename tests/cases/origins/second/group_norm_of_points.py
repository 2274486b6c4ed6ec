# broken: ACT405 at norm|pool
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Squeeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3)
        self.norm = nn.GroupNorm(16 if broken else 2, 16)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        pooled = F.adaptive_avg_pool2d(self.conv(x).relu(), 1)
        return self.fc(self.norm(pooled)[:, :, 0, 0])


X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16, torch.tensor(y)
net = Squeeze()
opt = torch.optim.Adam(net.parameters(), 1e-2)
for epoch in range(6):
    for i in torch.randperm(len(X)).split(32):
        loss = F.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
