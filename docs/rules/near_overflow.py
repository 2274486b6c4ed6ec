import torch
from torch import nn

torch.manual_seed(0)
x = 8000 * torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
x = x / x.std()  # good
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2)).half()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)  # bad
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # good

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows].half()).float(), y[rows])
    loss.backward()
    optimizer.step()
