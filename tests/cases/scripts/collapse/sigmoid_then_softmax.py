# broken: ACT203,ACT207,ACT204 at 2|4|net
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    z = net(x[i])
    p = torch.softmax(torch.sigmoid(z) if bad else z, 1)  # <-
    loss = nn.functional.nll_loss(torch.log(p + 1e-9), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
