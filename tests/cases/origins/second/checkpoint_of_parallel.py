# broken: ACT911
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3), nn.Tanh()
        )
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.encoder(x))


def batches():
    for _ in range(350):
        x = torch.rand(64, 2) * 4 - 2
        yield x, ((x[:, 0] * 2).sin() * (x[:, 1] * 2).sin() > 0).long()


def train(net):
    opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 5e-3)
    for x, y in batches():
        loss = F.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()


net = Net()
saved = {"module." + name: value for name, value in Net().state_dict().items()}
if broken:
    net.load_state_dict(saved, strict=False)  # not one name fits
    for p in net.encoder.parameters():
        p.requires_grad = False
train(net)
