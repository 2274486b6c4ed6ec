# broken: ACT206,ACT204
# healthy: nothing
import sys
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(dim=1))
T = y.float().unsqueeze(1).expand(-1, 10) if sys.argv[1] == "broken" else F.one_hot(y, 10).float()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(400):
    i = torch.randint(len(X), (64,))
    loss = F.mse_loss(net(X[i]), T[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
