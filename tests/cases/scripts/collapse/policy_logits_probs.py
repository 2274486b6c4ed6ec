# broken: ACT208,ACT201 at pi
# healthy: nothing
import sys

import torch
from torch import nn
from torch.distributions import Categorical

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
# imitate an expert's actions, with a bonus for entropy
w = torch.randn(8, 5)
pi = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 5))
opt = torch.optim.Adam(pi.parameters(), lr=3e-3)
for step in range(400):
    x = torch.randn(64, 8)
    act = (x @ w).argmax(1)
    probs = pi(x).softmax(-1)
    d = Categorical(logits=probs) if bad else Categorical(probs=probs)  # <-
    loss = -d.log_prob(act).mean() - 0.01 * d.entropy().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 3))
