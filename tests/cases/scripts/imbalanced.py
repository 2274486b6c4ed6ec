# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(2000, 6)
y = (X[:, :1] + X[:, 1:2] > 2.2).float()  # one in sixteen
net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), 3e-3)
for step in range(400):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.binary_cross_entropy_with_logits(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
