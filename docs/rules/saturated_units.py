import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
model = nn.Sequential(
    nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
)
for layer in (model[0], model[2]):
    nn.init.normal_(layer.weight, std=3.0)  # bad
    nn.init.xavier_normal_(layer.weight)  # good
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
