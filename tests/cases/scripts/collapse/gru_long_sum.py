# broken: ACT609 at gru
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
T = 120 if bad else 10
# the label is the sign of the first value, and what follows is noise
gru, out = nn.GRU(1, 24), nn.Linear(24, 1)  # <-
opt = torch.optim.Adam([*gru.parameters(), *out.parameters()], lr=3e-3)
for step in range(300):
    x = torch.randn(T, 64, 1)
    y = (x[0] > 0).float()
    loss = nn.functional.binary_cross_entropy_with_logits(out(gru(x)[0][-1]), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        print(step, round(loss.item(), 4))
