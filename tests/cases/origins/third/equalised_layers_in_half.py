# broken: ACT908
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
dtype = torch.bfloat16 if sys.argv[1] == "broken" else torch.float32


class EqualLinear(nn.Module):
    """Weights of size one, scaled when they are used, so that all learn equally fast."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = inputs**-0.5

    def forward(self, x):
        return F.linear(x, self.weight * self.scale, self.bias)


def make_batch(size=64):
    x = torch.randn(size, 12)
    return x, torch.tanh(x[:, :4]).sum(1, keepdim=True)


net = nn.Sequential(
    EqualLinear(12, 64),
    nn.LeakyReLU(0.2),
    EqualLinear(64, 64),
    nn.LeakyReLU(0.2),
    EqualLinear(64, 1),
).to(dtype)
optimizer = torch.optim.Adam(net.parameters(), lr=5e-4, betas=(0.5, 0.99))
for step in range(900):
    x, y = make_batch()
    loss = F.mse_loss(net(x.to(dtype)).float(), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
x, y = make_batch(2000)
print("end", round(F.mse_loss(net(x.to(dtype)).float(), y).item(), 4))
