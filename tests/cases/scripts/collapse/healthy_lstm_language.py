# healthy: nothing
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
# only the last two tokens matter: the gradient may vanish over time
V, T = 10, 60


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.lstm = nn.Embedding(V, 24), nn.LSTM(24, 48, batch_first=True)
        self.out = nn.Linear(48, V)

    def forward(self, t):
        return self.out(self.lstm(self.emb(t))[0][:, -1])


net = Model()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(300):
    t = torch.randint(V, (64, T))
    y = (t[:, -1] + 2 * t[:, -2]) % V
    y = torch.where(torch.rand(64) < 0.9, t[:, -1], y)
    loss = F.cross_entropy(net(t), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
