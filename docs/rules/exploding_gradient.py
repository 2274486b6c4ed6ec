import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = x[:, :1] - x[:, 1:2]
model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
)
optimizer = torch.optim.SGD(model.parameters(), lr=3.0)  # bad
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)  # good

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
