# broken: ACT702,ACT701
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32) / 16 * 255
if sys.argv[1] == "healthy":
    X = X / 255
loader = DataLoader(TensorDataset(X, torch.tensor(d.target)), batch_size=32, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 100)
        self.fc2 = nn.Linear(100, 10)

    def forward(self, x):
        return self.fc2(torch.sigmoid(self.fc1(x)))


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=3.0)
for epoch in range(5):
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.CrossEntropyLoss()(net(xb), yb)
        loss.backward()
        opt.step()
