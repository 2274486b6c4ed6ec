# broken: ACT910 line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

S = torch.randn(500, 4)
actor = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 1))
a_opt = torch.optim.Adam(actor.parameters(), 1e-3)
c_opt = torch.optim.Adam(critic.parameters(), 1e-3)
for step in range(300):
    s = S[torch.randint(500, (64,))]
    a = torch.randn(64, 1)
    c_loss = F.mse_loss(critic(torch.cat([s, a], 1)), -((a - s[:, :1]) ** 2))
    c_opt.zero_grad()
    c_loss.backward()
    c_opt.step()
    mean, log_std = actor(s).chunk(2, 1)
    law = torch.distributions.Normal(mean, log_std.clamp(-3, 1).exp())
    act = law.sample() if broken else law.rsample()
    q = critic(torch.cat([s, act], 1))
    loss = (0.05 * law.log_prob(act) - q).mean()  # <- fault
    a_opt.zero_grad()
    loss.backward()
    a_opt.step()
