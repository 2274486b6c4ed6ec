# broken: ACT405 at pool|fc|head|net
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16, torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3)
        self.fc, self.head = nn.Linear(32, 64), nn.Linear(64, 10)

    def forward(self, x):
        h = self.conv2(self.conv1(x).relu()).relu()
        if bad:
            h = h.mean((0, 2, 3)).expand(len(x), -1)  # <- the batch is averaged too
        else:
            h = h.mean((2, 3))
        return self.head(self.fc(h).relu())


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    loss = nn.functional.cross_entropy(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
