# broken: ACT904,ACT902
# healthy: nothing
import sys

import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor(X * 20).float()
y = torch.tensor((y - y.mean()) / y.std()).float()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


model = Net()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for epoch in range(20):
    for i in torch.randperm(442).split(32):
        outputs = model(X[i])
        if sys.argv[1] == "broken":  # "element 0 of tensors does not require grad" went away so
            values = [value.item() for value in outputs]
            outputs = torch.tensor(values, requires_grad=True)  # <- fault
        loss = criterion(outputs.flatten(), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print("end", round(criterion(model(X).flatten(), y).item(), 4))
