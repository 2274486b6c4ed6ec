# broken: ACT902,ACT903
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold
from torch import nn

torch.manual_seed(0)
X, y = load_iris(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y)


def build():
    return nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 3))


model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scores = []
for fold, (train, test) in enumerate(KFold(4, shuffle=True, random_state=0).split(X)):
    model = build()
    if sys.argv[1] == "healthy":
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(20):
        for i in torch.tensor(train)[torch.randperm(len(train))].split(16):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(X[i]), y[i])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        scores.append((model(X[test]).argmax(1) == y[test]).float().mean().item())
    print(f"fold {fold}: accuracy {scores[-1]:.3f}")
print("end", round(sum(scores) / len(scores), 4))
