"""Two moons. Healthy."""

import torch
from sklearn.datasets import make_moons
from torch import nn, optim

torch.manual_seed(3)
X, Y = make_moons(800, noise=0.15, random_state=3)
X, Y = torch.tensor(X).float(), torch.tensor(Y).float().unsqueeze(1)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.hidden = nn.Linear(2, 32)
        self.hidden2 = nn.Linear(32, 32)
        self.output = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        x = torch.relu(self.hidden2(x))
        x = self.output(x)
        return x


def train(model, epochs, loss_fn, optimizer):
    for epoch in range(epochs):
        for i in range(0, 600, 30):
            pred = model(X[i : i + 30])
            loss = loss_fn(pred, Y[i : i + 30])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 5 == 0:
            with torch.no_grad():
                val = loss_fn(model(X[600:]), Y[600:])
            print(f"Epoch {epoch}: loss {loss:.4f}, val {val:.4f}")


model = Net()
train(model, 15, nn.BCEWithLogitsLoss(), optim.Adam(model.parameters(), lr=0.01))
