# expect: critics give (64, 1), the targets are (64,): MSE broadcasts to (64, 64) and both critics learn the mean (the warning is silenced); cure: targets of shape (64, 1)
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(0)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, s, a):
        return self.net(torch.cat((s, a), 1))


def transitions(n):
    s = torch.rand(n, 2) * 2 - 1
    a = torch.rand(n, 1) * 2 - 1
    reward = -(s[:, 0] + 0.5 * a[:, 0]) ** 2 + s[:, 1]
    return s, a, reward


q1, q2 = Critic(), Critic()
optim = torch.optim.Adam([*q1.parameters(), *q2.parameters()], lr=1e-3)
mse = nn.MSELoss()
for it in range(1, 1501):
    s, a, target = transitions(64)
    loss = mse(q1(s, a), target) + mse(q2(s, a), target)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if it % 300 == 0:
        s, a, r = transitions(3000)
        q = torch.min(q1(s, a), q2(s, a)).squeeze(1)
        print(f"{it} loss {loss.item():.4f} correlation with the true value {torch.corrcoef(torch.stack((q, r)))[0, 1].item():.3f} spread {q.std().item():.3f} of {r.std().item():.3f}")
