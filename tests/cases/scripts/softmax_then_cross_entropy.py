# broken: ACT201 at out
# healthy: nothing
import sys
import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
iris = load_iris()
X = torch.tensor(iris.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(iris.target)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 16)
        self.fc2 = nn.Linear(16, 16)
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return F.softmax(self.out(x), dim=1)


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=0.01)
onehot = F.one_hot(y, 3).float()
for epoch in range(300):
    p = net(X)
    if sys.argv[1] == "broken":
        loss = nn.CrossEntropyLoss()(p, y)
    else:
        loss = -(onehot * torch.log(p)).sum(1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
