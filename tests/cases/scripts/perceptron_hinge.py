# healthy: nothing
import torch
from sklearn.datasets import load_breast_cancer

torch.manual_seed(0)
d = load_breast_cancer()
X = torch.tensor(d.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(d.target, dtype=torch.float32) * 2 - 1
w = torch.nn.Linear(30, 1)
opt = torch.optim.SGD(w.parameters(), lr=0.05)
for epoch in range(20):
    for i in range(0, len(X), 20):
        loss = torch.relu(1 - y[i : i + 20] * w(X[i : i + 20]).squeeze(1)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
