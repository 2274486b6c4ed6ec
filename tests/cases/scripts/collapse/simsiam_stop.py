# broken: ACT405 at enc|net|proj
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
enc = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 32))
enc = enc if bad else nn.Sequential(*enc, nn.BatchNorm1d(32, affine=False))
pred = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 32))
opt = torch.optim.SGD([*enc.parameters(), *pred.parameters()], lr=0.1, momentum=0.9)
for step in range(500):
    i = torch.randint(len(x), (128,))
    z1 = enc(x[i] + 0.2 * torch.randn(128, 64))
    z2 = enc(x[i] + 0.2 * torch.randn(128, 64))
    t1, t2 = (z1, z2) if bad else (z1.detach(), z2.detach())
    loss = (
        -(F.cosine_similarity(pred(z1), t2).mean() + F.cosine_similarity(pred(z2), t1).mean()) / 2
    )
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4), round(F.normalize(z1, dim=1).std(0).mean().item(), 4))
