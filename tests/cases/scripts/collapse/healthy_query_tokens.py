# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)


# learned queries are the same for every row until they have read it
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Parameter(torch.randn(4, 32))
        self.wq, self.wk, self.wv = nn.Linear(32, 32), nn.Linear(6, 32), nn.Linear(6, 32)
        self.out = nn.Linear(128, 3)

    def forward(self, x):
        q = torch.relu(self.wq(self.query.expand(len(x), -1, -1)))
        a = (q @ self.wk(x).transpose(1, 2) / 32**0.5).softmax(-1)
        return self.out((a @ self.wv(x)).flatten(1))


net = Reader()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(300):
    x = torch.randn(64, 10, 6)
    y = x[..., 0].sum(1).sign().long() + 1
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
