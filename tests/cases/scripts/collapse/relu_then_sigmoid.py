# broken: ACT203,ACT204 at fc|out|net
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32)
x, y = (x - x.mean(0)) / x.std(0), torch.tensor(y, dtype=torch.float32)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.out = nn.Linear(30, 32), nn.Linear(32, 16), nn.Linear(16, 1)

    def forward(self, x):
        h = self.fc2(self.fc1(x).relu()).relu()
        z = self.out(h)
        if bad:
            z = z.relu()
        return torch.sigmoid(z).squeeze(1)  # <-


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(20):
    for i in torch.randperm(len(x)).split(32):
        loss = nn.functional.binary_cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", float(loss))
