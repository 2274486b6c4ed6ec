import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
data = load_digits()
X = torch.tensor(data.data / 16, dtype=torch.float32)
Y = torch.tensor(data.target)
train, test = torch.arange(1300), torch.arange(1300, len(X))
STEPS, BETA, THRESHOLD = 10, 0.9, 1.0


class LIF(nn.Module):
    """leaky integrate and fire"""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.fc = nn.Linear(n_in, n_out)

    def forward(self, spikes, mem):
        mem = BETA * mem + self.fc(spikes)
        soft = torch.sigmoid(4 * (mem - THRESHOLD))
        fired = soft + ((mem > THRESHOLD).float() - soft).detach()
        return fired, mem - fired * THRESHOLD


class SpikingNet(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.l1, self.l2 = LIF(64, hidden), LIF(hidden, hidden)
        self.readout = nn.Linear(hidden, 10)
        self.hidden = hidden

    def forward(self, x):
        m1 = m2 = torch.zeros(len(x), self.hidden)
        votes = 0
        for _ in range(STEPS):
            s, m1 = self.l1(torch.bernoulli(x), m1)
            s, m2 = self.l2(s, m2)
            votes = votes + self.readout(s)
        return votes / STEPS


net = SpikingNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(20):
    for rows in train[torch.randperm(len(train))].split(64):
        loss = F.cross_entropy(net(X[rows]), Y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            acc = (net(X[test]).argmax(1) == Y[test]).float().mean().item()
        print(f"epoch {epoch + 1} loss {loss.item():.3f} test acc {acc:.3f}")
