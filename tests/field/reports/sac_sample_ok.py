import copy
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal

torch.manual_seed(0)
ALPHA, TAU = 0.02, 0.02


def mlp(i, o):
    return nn.Sequential(nn.Linear(i, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, o))


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp(2, 4)

    def forward(self, s):
        mean, log_std = self.body(s).chunk(2, -1)
        dist = Normal(mean, log_std.clamp(-5, 1).exp())
        u = dist.rsample()
        a = torch.tanh(u)
        logp = (dist.log_prob(u) - torch.log(1 - a.pow(2) + 1e-6)).sum(-1)
        return a, logp


def env(s, a):
    """a point on a plate is to be brought to the middle"""
    nxt = (s + 0.3 * a).clamp(-2, 2)
    return nxt, -nxt.norm(dim=-1)


actor, q1, q2 = Actor(), mlp(4, 1), mlp(4, 1)
t1, t2 = copy.deepcopy(q1), copy.deepcopy(q2)
actor_opt = torch.optim.Adam(actor.parameters(), lr=1e-3)
critic_opt = torch.optim.Adam([*q1.parameters(), *q2.parameters()], lr=1e-3)
state = torch.rand(32, 2) * 4 - 2
memory = []
for step in range(801):
    with torch.no_grad():
        act = actor(state)[0] if step > 50 else torch.rand(32, 2) * 2 - 1
        nxt, rew = env(state, act)
    memory.append((state, act, rew, nxt))
    state = torch.where(torch.rand(32, 1) < 0.1, torch.rand(32, 2) * 4 - 2, nxt)

    s, a, r, n = (torch.cat(x) for x in zip(*[memory[i] for i in torch.randint(len(memory), (4,))]))
    with torch.no_grad():
        na, nlp = actor(n)
        na = torch.cat([n, na], -1)
        y = r + 0.9 * (torch.min(t1(na), t2(na)).squeeze(-1) - ALPHA * nlp)
    sa = torch.cat([s, a], -1)
    critic_loss = F.mse_loss(q1(sa).squeeze(-1), y) + F.mse_loss(q2(sa).squeeze(-1), y)
    critic_opt.zero_grad(); critic_loss.backward(); critic_opt.step()

    pa, lp = actor(s)
    pa = torch.cat([s, pa], -1)
    actor_loss = (ALPHA * lp - torch.min(q1(pa), q2(pa)).squeeze(-1)).mean()
    actor_opt.zero_grad(); actor_loss.backward(); actor_opt.step()
    for q, t in ((q1, t1), (q2, t2)):
        for p, tp in zip(q.parameters(), t.parameters()):
            tp.data.lerp_(p.data, TAU)
    if step % 100 == 0:
        with torch.no_grad():
            p = torch.rand(500, 2) * 4 - 2
            for _ in range(15):
                p, rr = env(p, torch.tanh(actor.body(p)[:, :2]))
        print(f"step {step} critic {critic_loss.item():.4f} actor {actor_loss.item():.3f} distance after 15 moves {-rr.mean().item():.3f}")
