# broken: ACT405 at score_norm|squeeze|net
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
# a bottleneck with a norm over its last axis, which has one feature
width = 1 if bad else 4
net = nn.Sequential(
    nn.Linear(12, 32),
    nn.ReLU(),
    nn.Linear(32, width),
    nn.LayerNorm(width),  # <-
    nn.Linear(width, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
w = torch.randn(12, 1)
for step in range(400):
    x = torch.randn(64, 12)
    loss = nn.functional.mse_loss(net(x), torch.tanh(x @ w))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4))
