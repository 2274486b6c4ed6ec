# broken: ACT301,ACT602,ACT501,ACT605
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(1, 40, nonlinearity="relu")
        self.fc = nn.Linear(40, 10)
        if sys.argv[1] == "broken":
            self.cell.weight_hh.data.normal_(0, 1)
        else:
            self.cell.weight_hh.data = torch.eye(40)

    def forward(self, x):
        h = torch.zeros(len(x), 40)
        for t in range(0, 64, 4):
            h = self.cell(x[:, t : t + 1], h)
        return self.fc(h)


net = Net()
opt = torch.optim.Adam(net.parameters(), 3e-3)
for step in range(200):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.cross_entropy(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("accuracy", float((net(X).argmax(1) == y).float().mean()))
