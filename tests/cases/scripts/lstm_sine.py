# broken: ACT605
# healthy: nothing
import sys
import torch
from torch import nn

torch.manual_seed(0)
t = torch.linspace(0, 60, 600)
wave = torch.sin(t) + 0.3 * torch.sin(3 * t)
X = wave.unfold(0, 20, 1)[:-1].unsqueeze(-1)
y = wave[20:].unsqueeze(-1)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.linear = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1])


model = Forecaster()
opt = torch.optim.Adam(model.parameters(), lr=1.0 if sys.argv[1] == "broken" else 0.005)
for step in range(200):
    i = torch.randint(len(X), (32,))
    loss = nn.MSELoss()(model(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
