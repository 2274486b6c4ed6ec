# healthy: nothing
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data, dtype=torch.float32) / 16
net = nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 64))  # principal components
opt = torch.optim.Adam(net.parameters(), 3e-3)
for step in range(300):
    i = torch.randint(len(X), (64,))
    loss = nn.functional.mse_loss(net(X[i]), X[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
