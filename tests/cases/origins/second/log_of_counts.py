# broken: ACT907
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

visits = torch.poisson(torch.full((600, 5), 3.0))
X = torch.log(visits) if broken else torch.log1p(visits)
y = (visits.sum(1, keepdim=True) - 15) / 4
net = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(net.parameters(), 0.05)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), 30, shuffle=True)
for epoch in range(12):
    for a, b in loader:
        loss = F.l1_loss(net(a), b)
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
