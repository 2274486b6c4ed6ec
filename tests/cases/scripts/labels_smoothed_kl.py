# healthy: nothing
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
soft = 0.9 * F.one_hot(y, 10) + 0.01
net = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 10))
opt = torch.optim.AdamW(net.parameters(), 3e-3)
for step in range(300):
    i = torch.randint(len(X), (64,))
    loss = F.kl_div(F.log_softmax(net(X[i]), 1), soft[i], reduction="batchmean")
    opt.zero_grad()
    loss.backward()
    opt.step()
