import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for step in range(400):
    rows = torch.randint(1024, (64,))
    optimizer.param_groups[0]["lr"] = 30.0 if 60 <= step < 65 else 0.05  # bad
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
