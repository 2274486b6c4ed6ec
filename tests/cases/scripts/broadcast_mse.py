# broken: ACT206
# healthy: nothing
import sys
import warnings
import torch
from sklearn.datasets import load_diabetes
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(0)
d = load_diabetes()
X, y = torch.tensor(d.data, dtype=torch.float32) * 20, torch.tensor(d.target, dtype=torch.float32)
y = (y - y.mean()) / y.std()
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), 2e-3)
for step in range(300):
    i = torch.randint(len(X), (32,))
    p = net(X[i])
    loss = ((p if sys.argv[1] == "broken" else p.squeeze(1)) - y[i]).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
