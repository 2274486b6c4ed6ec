import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
table, labels = load_breast_cancer(return_X_y=True)
x = torch.tensor((table - table.mean(0)) / table.std(0), dtype=torch.float32)
y = torch.tensor(labels)
model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(12):
    order = torch.randperm(len(x))
    other = torch.randperm(len(y))  # bad
    other = order  # good
    for rows, targets in zip(order.split(40), other.split(40), strict=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[targets])
        loss.backward()
        optimizer.step()
