import torch
from torch import nn

torch.manual_seed(0)
x = 255 * torch.rand(1024, 20)
y = (x[:, 0] > x[:, 1]).long()
x = (x - x.mean()) / x.std()  # good
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
