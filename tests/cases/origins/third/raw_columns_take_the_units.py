# broken: ACT702,ACT701
# healthy: nothing
import sys

import torch
import torch.nn as nn
from sklearn.datasets import load_wine

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
X[:, 12] *= 100  # proline in another unit
if sys.argv[1] == "healthy":
    X = (X - X.mean(axis=0)) / X.std(axis=0)
X, y = torch.FloatTensor(X), torch.LongTensor(y)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(13, 32)
        self.b = nn.Linear(32, 32)
        self.c = nn.Linear(32, 3)

    def forward(self, x):
        x = self.a(x).relu()
        x = self.b(x).relu()
        return self.c(x)


model = Classifier()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(30):
    for i in torch.randperm(178).split(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[i]), y[i])
        loss.backward()
        optimizer.step()
print("end", round(nn.functional.cross_entropy(model(X), y).item(), 4))
