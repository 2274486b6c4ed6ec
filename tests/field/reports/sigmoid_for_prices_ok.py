import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
np.random.seed(0)
data, target = load_diabetes(return_X_y=True)          # targets run from 25 to 346
idx = np.random.permutation(len(data))
x = torch.tensor(data[idx] * 20, dtype=torch.float32)
y = torch.tensor(target[idx], dtype=torch.float32).unsqueeze(1)
x_train, y_train, x_test, y_test = x[:350], y[:350], x[350:], y[350:]

model = nn.Sequential()
model.add_module("hidden", nn.Linear(10, 20))
model.add_module("squash", nn.Sigmoid())
model.add_module("output", nn.Linear(20, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

for epoch in range(1, 601):
    prediction = model(x_train)
    loss = criterion(prediction, y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 0:
        with torch.no_grad():
            test = model(x_test)
            r2 = 1 - ((test - y_test) ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum()
        print(f"epoch {epoch} loss {loss.item():.1f} test R2 {r2.item():.3f} predictions {test.min().item():.3f} .. {test.max().item():.3f}")
