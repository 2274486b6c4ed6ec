# broken: ACT609,ACT602,ACT301 at rnn
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
rnn = nn.RNN(1, 40, nonlinearity="relu", batch_first=True)  # <-
with torch.no_grad():
    rnn.weight_hh_l0.copy_(torch.eye(40) + (0.02 if bad else 0.0) * torch.rand(40, 40))
    rnn.bias_hh_l0.zero_()
out = nn.Linear(40, 1)
opt = torch.optim.SGD([*rnn.parameters(), *out.parameters()], lr=1e-3 if bad else 1e-3)
for step in range(300):
    phase = torch.rand(32, 1) * 6.28
    wave = torch.sin(phase + 0.3 * torch.arange(41))[..., None]
    loss = nn.functional.mse_loss(out(rnn(wave[:, :-1])[0][:, -1]), wave[:, -1])
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([*rnn.parameters(), *out.parameters()], 1.0)
    opt.step()
    if step % 50 == 0:
        print(step, round(loss.item(), 4))
