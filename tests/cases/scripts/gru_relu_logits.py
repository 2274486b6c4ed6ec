# broken: ACT203
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.data, dtype=torch.float32).view(-1, 8, 8) / 16
y = torch.tensor(d.target)


class GRUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 48, batch_first=True)
        self.fc = nn.Linear(48, 10)
        self.relu = nn.ReLU()

    def forward(self, x):
        out, h = self.gru(x)
        if sys.argv[1] == "broken":
            return self.relu(self.fc(out[:, -1]))
        return self.fc(self.relu(out[:, -1]))


net = GRUNet()
opt = torch.optim.Adam(net.parameters(), lr=0.003)
for step in range(250):
    i = torch.randint(len(X), (64,))
    loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
