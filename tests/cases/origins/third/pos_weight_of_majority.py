# broken: ACT909
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y).float()

negative, positive = int((y == 0).sum()), int((y == 1).sum())
balance = negative // positive if sys.argv[1] == "broken" else negative / positive
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(float(balance)))

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(12):
    for rows in torch.randperm(len(X)).split(25):
        optimizer.zero_grad()
        loss = criterion(model(X[rows]).squeeze(-1), y[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = ((model(X).squeeze(-1) > 0) == (y > 0.5)).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} accuracy {accuracy.item():.3f}")
print("end", round(1 - accuracy.item(), 4))
