# broken: ACT905,ACT902,ACT903
# healthy: nothing
import sys

import torch
from sklearn.datasets import make_moons
from torch import nn

torch.manual_seed(0)
X, y = make_moons(600, noise=0.1, random_state=0)
X, y = torch.tensor(X).float(), torch.tensor(y)
kept = {}


def get_model():
    if sys.argv[1] == "healthy" and "net" in kept:
        return kept["net"]
    kept["net"] = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    return kept["net"]


optimizer = torch.optim.Adam(get_model().parameters(), lr=0.01)
for epoch in range(12):
    for i in torch.randperm(600).split(30):
        model = get_model()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[i]), y[i])
        loss.backward()
        optimizer.step()
print("end", round(nn.functional.cross_entropy(model(X), y).item(), 4))
