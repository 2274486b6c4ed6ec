# broken: ACT606
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(3)
X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
y = torch.tensor([[0.0], [1], [1], [0]])


class XOR(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 5)
        self.out = nn.Linear(5, 1)

    def forward(self, x):
        return torch.sigmoid(self.out(torch.sigmoid(self.hidden(x))))


net = XOR()
lr = 10.0 if sys.argv[1] == "healthy" else 1e-5
opt = torch.optim.SGD(net.parameters(), lr=lr)
for epoch in range(2000):
    opt.zero_grad()
    loss = ((net(X) - y) ** 2).sum() / 4
    loss.backward()
    opt.step()
