# broken: ACT405,ACT301 at fc|net
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
net = nn.Sequential()
net.fc1, net.a1 = nn.Linear(64, 64), nn.Tanh()
net.fc2, net.a2 = nn.Linear(64, 64), nn.Tanh()
net.fc3 = nn.Linear(64, 10)
for fc in (net.fc1, net.fc2):
    if bad:
        nn.init.normal_(fc.weight, std=1e-5)  # <-
        nn.init.constant_(fc.bias, 0.5)
    else:
        nn.init.xavier_normal_(fc.weight)
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for step in range(400):
    i = torch.randint(1700, (64,))
    loss = nn.functional.cross_entropy(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
