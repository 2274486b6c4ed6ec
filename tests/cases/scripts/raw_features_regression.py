# broken: ACT702,ACT605
# healthy: nothing
import sys
import torch
from torch import nn

g = torch.Generator().manual_seed(0)
torch.manual_seed(0)
sqft = 500 + 3000 * torch.rand(400, generator=g)
beds = torch.randint(1, 6, (400,), generator=g).float()
year = 1950 + 70 * torch.rand(400, generator=g)
X = torch.stack([sqft, beds, year], 1)
y = (0.2 * sqft + 15 * beds + 0.5 * (year - 1950))[:, None] / 100
if sys.argv[1] == "healthy":
    X = (X - X.mean(0)) / X.std(0)
net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.01)
for step in range(400):
    i = torch.randint(400, (32,))
    loss = nn.MSELoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
