import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
layers = []
for width in (20, *[64] * 7):
    layers += [nn.Linear(width, 64), nn.Sigmoid()]  # bad
    layers += [nn.Linear(width, 64), nn.ReLU()]  # good
    nn.init.kaiming_normal_(layers[-2].weight)  # good
model = nn.Sequential(*layers, nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
