# broken: ACT203
# healthy: nothing
import sys
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(d.target)


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 3)
        self.conv2 = nn.Conv2d(10, 20, 3)
        self.fc = nn.Linear(80, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = self.fc(x.view(-1, 80))
        return F.softmax(x, dim=1) if sys.argv[1] == "broken" else F.log_softmax(x, dim=1)


net = CNN()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
for step in range(400):
    i = torch.randint(len(X), (64,))
    loss = F.nll_loss(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
