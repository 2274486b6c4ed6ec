# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(500, 3)
y = torch.poisson((X @ torch.tensor([0.4, -0.3, 0.2]) + 0.5).exp())
net = nn.Sequential(nn.Linear(3, 16), nn.Softplus(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), 5e-3)
for step in range(400):
    i = torch.randint(500, (64,))
    loss = nn.PoissonNLLLoss()(net(X[i]).squeeze(1), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
