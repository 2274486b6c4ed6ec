import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(64, 20)
y = x[:, :1] - x[:, 1:2]
model = nn.Linear(20, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)  # bad
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)  # good

for step in range(300):
    optimizer.zero_grad()
    loss = nn.functional.l1_loss(model(x), y)
    loss.backward()
    optimizer.step()
