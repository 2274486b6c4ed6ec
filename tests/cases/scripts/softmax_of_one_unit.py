# broken: ACT203,ACT206
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
d = load_breast_cancer()
X = torch.tensor(d.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(d.target, dtype=torch.float32).view(-1, 1)
last = nn.Softmax(dim=1) if sys.argv[1] == "broken" else nn.Sigmoid()
net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), last)
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3)
for epoch in range(20):
    for i in range(0, len(X), 32):
        loss = nn.BCELoss()(net(X[i : i + 32]), y[i : i + 32])
        opt.zero_grad()
        loss.backward()
        opt.step()
