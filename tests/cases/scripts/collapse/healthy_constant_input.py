# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)


# a generator that grows from a learned constant, shifted by a style
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.const = nn.Parameter(torch.randn(1, 16))
        self.first = nn.Linear(16, 32)
        self.style = nn.Linear(4, 32)
        self.second, self.out = nn.Linear(32, 32), nn.Linear(32, 8)

    def forward(self, z):
        h = torch.relu(self.first(self.const.expand(len(z), -1)))
        h = h * (1 + self.style(z))
        return self.out(torch.relu(self.second(h)))


net = Generator()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
w = torch.randn(4, 8)
for step in range(400):
    z = torch.randn(64, 4)
    loss = nn.functional.mse_loss(net(z), torch.sin(z @ w))
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
