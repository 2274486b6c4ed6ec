# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 3))
opt = torch.optim.Adam(policy.parameters(), 1e-2)
best = torch.randn(4, 3)
for step in range(400):
    state = torch.randn(64, 4)
    dist = torch.distributions.Categorical(logits=policy(state))
    action = dist.sample()
    reward = ((state @ best).argmax(1) == action).float()
    loss = -(dist.log_prob(action) * (reward - reward.mean())).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
