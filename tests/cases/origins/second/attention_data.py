# broken: ACT904 at query|key line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(8, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        scores = self.query(x[:, :1]) @ self.key(x).transpose(1, 2) / 4
        weights = scores.softmax(-1)
        if broken:
            weights = weights.data  # <- fault
        return self.out((weights @ self.value(x))[:, 0])


X = torch.randn(500, 6, 8)
y = (X[torch.arange(500), X[:, :, 0].argmax(1), 1] > 0).long()
net = Pool()
opt = torch.optim.Adam(net.parameters(), 4e-3)
for step in range(400):
    i = torch.randint(500, (50,))
    loss = F.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
