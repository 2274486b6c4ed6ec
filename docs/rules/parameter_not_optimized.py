import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = [nn.Linear(20, 20) for _ in range(3)]  # bad
        self.hidden = nn.ModuleList(nn.Linear(20, 20) for _ in range(3))  # good
        self.last = nn.Linear(20, 2)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.last(x)


x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
