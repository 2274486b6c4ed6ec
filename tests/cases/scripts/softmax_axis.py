# broken: ACT205
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16
y = torch.tensor(d.target)
axis = 0 if sys.argv[1] == "broken" else 1
model = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10), nn.Softmax(dim=axis))
opt = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
for epoch in range(15):
    for i in range(0, len(X), 50):
        xb, yb = X[i : i + 50], y[i : i + 50]
        p = model(xb)
        loss = nn.NLLLoss()(torch.log(p + 1e-8), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
