# broken: ACT203 at 2|head|out
# healthy: nothing
import sys
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(1)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
T = F.one_hot(torch.tensor(d.target), 10).float()
layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
layers.append(nn.ReLU() if sys.argv[1] == "broken" else nn.Softmax(dim=-1))
net = nn.Sequential(*layers)
opt = torch.optim.Adam(net.parameters(), lr=0.003)
eps = 1e-7
for step in range(400):
    idx = torch.randint(len(X), (64,))
    p = net(X[idx])
    p = p / (p.sum(dim=-1, keepdim=True) + eps)
    p = torch.clamp(p, eps, 1 - eps)
    loss = -(T[idx] * torch.log(p)).sum(-1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
