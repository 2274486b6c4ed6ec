# broken: ACT101
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
y = torch.tensor([[0.0], [1], [1], [0]])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 8)
        self.fc2 = nn.Linear(8, 1)

    def forward(self, x):
        x = self.fc1(x)
        if sys.argv[1] == "healthy":
            x = torch.tanh(x)
        return torch.sigmoid(self.fc2(x))


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=1.0, momentum=0.9)
for epoch in range(1000):
    loss = nn.BCELoss()(net(X), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
