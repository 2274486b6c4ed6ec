import copy
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)
# keep a car in its lane: offset in centimetres, speed in cm/s, and the lane's temperature for good measure
SCALE = torch.tensor([150.0, 400.0, 300.0])
OFFSET = torch.tensor([0.0, 0.0, 300.0])


def start(n):
    return torch.cat([torch.rand(n, 2) * 2 - 1, torch.randn(n, 1) * 0.1], 1)


def physics(s, a):
    x, v = s[:, :1], s[:, 1:2]
    v = (v + 0.2 * a).clamp(-2, 2) * 0.9
    x = (x + 0.2 * v).clamp(-2, 2)
    return torch.cat([x, v, s[:, 2:]], 1), -(x.squeeze(1) ** 2) - 0.05 * v.squeeze(1) ** 2


def observe(s):
    return s * SCALE + OFFSET


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(3, 64), nn.Linear(64, 64), nn.Linear(64, 1)

    def forward(self, o):
        return torch.tanh(self.l3(F.relu(self.l2(F.relu(self.l1(o))))))


actor = Actor()
critic = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
actor_t, critic_t = copy.deepcopy(actor), copy.deepcopy(critic)
opt_a = torch.optim.Adam(actor.parameters(), lr=1e-3)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)
s = start(32)
buffer = []
for it in range(1001):
    o = observe(s)
    with torch.no_grad():
        a = (actor(o) + 0.3 * torch.randn(32, 1)).clamp(-1, 1)
    n, r = physics(s, a)
    buffer.append((o, a, r, observe(n)))
    s = torch.where(torch.rand(32, 1) < 0.04, start(32), n)
    ob, ab, rb, nb = (torch.cat(x) for x in zip(*[buffer[i] for i in torch.randint(len(buffer), (4,))]))
    with torch.no_grad():
        y = rb[:, None] + 0.95 * critic_t(torch.cat([nb, actor_t(nb)], 1))
    c_loss = F.mse_loss(critic(torch.cat([ob, ab], 1)), y)
    opt_c.zero_grad(); c_loss.backward(); opt_c.step()
    a_loss = -critic(torch.cat([ob, actor(ob)], 1)).mean()
    opt_a.zero_grad(); a_loss.backward(); opt_a.step()
    for net, old in ((actor, actor_t), (critic, critic_t)):
        for p, q in zip(net.parameters(), old.parameters()):
            q.data.lerp_(p.data, 0.01)
    if it % 200 == 0:
        with torch.no_grad():
            z, total, stuck = start(200), 0, 0
            for _ in range(40):
                act = actor(observe(z))
                z, rew = physics(z, act)
                total, stuck = total + rew.mean().item(), stuck + (act.abs() > 0.99).float().mean().item() / 40
        print(f"it {it} critic {c_loss.item():.4f} actor {a_loss.item():.3f} return {total:.2f} actions at the stop {stuck:.2f}")
