# broken: ACT609 at wh|hh
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
N = 48
wx = nn.Parameter(torch.randn(2, N) * 0.5)
wh = nn.Parameter(torch.randn(N, N) * 0.4 / N**0.5 if bad else torch.eye(N) * 0.999)
wo = nn.Parameter(torch.randn(N, 1) / N**0.5)
opt = torch.optim.Adam([wx, wh, wo], lr=1e-3)
# add the two marked numbers of a sequence; the first lies far back
T = 50 if bad else 20
for step in range(400):
    x = torch.rand(64, T, 2)
    x[:, :, 1] = 0
    x[:, 0, 1] = 1
    x[:, T // 4, 1] = 1
    y = (x[..., 0] * x[..., 1]).sum(1, keepdim=True)
    h = torch.zeros(64, N)
    for t in range(T):
        z = x[:, t] @ wx + h @ wh
        h = torch.tanh(z)  # <-
    loss = nn.functional.mse_loss(h @ wo, y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([wx, wh, wo], 1.0)
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 4))
