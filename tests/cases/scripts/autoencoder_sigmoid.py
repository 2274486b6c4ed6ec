# broken: ACT204,ACT203
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data, dtype=torch.float32) / 16
if sys.argv[1] == "broken":
    X = (X - X.mean()) / X.std()


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = AE()
opt = torch.optim.Adam(ae.parameters(), 3e-3)
for step in range(400):
    i = torch.randint(len(X), (64,))
    loss = nn.MSELoss()(ae(X[i]), X[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
