# broken: ACT604,ACT702
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) * 30, torch.tensor(d.target)
if sys.argv[1] == "healthy":
    X = X / 480
onehot = torch.eye(10)[y]
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(300):
    i = torch.randint(len(X), (32,))
    z = net(X[i]).exp()
    p = z / z.sum(1, keepdim=True)
    loss = -(onehot[i] * p.log()).sum() / 32
    opt.zero_grad()
    loss.backward()
    opt.step()
