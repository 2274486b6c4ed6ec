# broken: ACT206
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(600, 12)
Y = (X @ torch.randn(12, 5) + 0.3 > 0).float()  # several tags an example
net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 5))
criterion = nn.CrossEntropyLoss() if sys.argv[1] == "broken" else nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), 3e-3)
for step in range(400):
    i = torch.randint(600, (32,))
    loss = criterion(net(X[i]), Y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
