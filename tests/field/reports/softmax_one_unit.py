# expect: softmax over one unit is always 1: loss 50, gradient 0; cure: sigmoid
import torch
import torch.nn as nn
from sklearn.datasets import make_moons

torch.manual_seed(0)
X, y = make_moons(1000, noise=0.15, random_state=0)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]


class Moons(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 16)
        self.fc2 = nn.Linear(16, 16)
        self.fc3 = nn.Linear(16, 1)
        self.act = nn.Tanh()
        self.prob = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        return self.prob(self.fc3(x))


model = Moons()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.BCELoss()
for epoch in range(100):
    for i in range(0, 800, 80):
        loss = criterion(model(X[i:i + 80]), y[i:i + 80])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 20 == 0:
        with torch.no_grad():
            p = model(X[800:])
        print(f"Epoch {epoch + 1}, loss {loss.item():.4f}, test accuracy {((p > 0.5).float() == y[800:]).float().mean().item():.3f}")
