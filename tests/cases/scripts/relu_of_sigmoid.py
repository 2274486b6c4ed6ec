# broken: ACT103,ACT102
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
        self.a, self.b, self.c = nn.Linear(64, 40), nn.Linear(40, 40), nn.Linear(40, 10)

    def forward(self, x):
        if sys.argv[1] == "broken":
            x = torch.relu(torch.sigmoid(self.a(x)))
            x = torch.relu(torch.sigmoid(self.b(x)))
        else:
            x = torch.relu(self.a(x))
            x = torch.relu(self.b(x))
        return self.c(x)


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(300):
    i = torch.randint(len(X), (64,))
    loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
