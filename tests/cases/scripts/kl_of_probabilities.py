# broken: ACT203,ACT206
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
soft = 0.95 * F.one_hot(y, 10) + 0.005
opt = torch.optim.Adam(net.parameters(), 3e-3)
for step in range(400):
    i = torch.randint(len(X), (64,))
    z = net(X[i])
    p = F.softmax(z, 1) if sys.argv[1] == "broken" else F.log_softmax(z, 1)
    loss = nn.KLDivLoss(reduction="batchmean")(p, soft[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
