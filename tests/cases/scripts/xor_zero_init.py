# broken: ACT302
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
y = torch.tensor([[0.0], [1], [1], [0]])
model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
if sys.argv[1] == "broken":
    for p in model.parameters():
        nn.init.constant_(p, 0.0)
opt = torch.optim.SGD(model.parameters(), lr=0.5)
for epoch in range(2000):
    p = model(X)
    loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
