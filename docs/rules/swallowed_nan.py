import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = (x[:, 1] + x[:, 2] > 0).long()
x[::50, 0] = float("nan")
x = x.nan_to_num()  # good


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(20, 64), nn.Linear(64, 2)

    def forward(self, x):
        z = self.first(x)
        return self.last(torch.where(z > 0, z, 0.0))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
