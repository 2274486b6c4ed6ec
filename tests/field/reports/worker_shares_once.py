# expect: training in a thread: the local gradients are handed to the shared model only once (its .grad is never None again), so each step applies the first gradient; cure: hand them over at each update
import threading

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 3))
        self.v = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, s):
        return self.pi(s), self.v(s)


def reward(s, a):
    best = torch.stack((s[:, 0], s[:, 1], -s[:, 2]), 1).argmax(1)
    return (a == best).float()


def share(local, shared):
    for p, q in zip(local.parameters(), shared.parameters()):
        if q.grad is not None:
            return
        q.grad = p.grad


def worker(shared, updates):
    local = Policy()
    opt = torch.optim.Adam(shared.parameters(), lr=3e-3)
    for i in range(1, updates + 1):
        local.load_state_dict(shared.state_dict())
        local.zero_grad()
        s = torch.randn(64, 4)
        logits, value = local(s)
        a = torch.distributions.Categorical(logits=logits).sample()
        adv = reward(s, a) - value.squeeze(1)
        logp = F.log_softmax(logits, 1).gather(1, a[:, None]).squeeze(1)
        loss = -(logp * adv.detach()).mean() + 0.5 * adv.square().mean()
        loss.backward()
        share(local, shared)
        opt.step()
        if i % 200 == 0:
            s = torch.randn(2000, 4)
            print(f"update {i} loss {loss.item():.4f} greedy reward {reward(s, shared(s)[0].argmax(1)).mean().item():.3f}")


shared = Policy()
t = threading.Thread(target=worker, args=(shared, 1000))
t.start()
t.join()
