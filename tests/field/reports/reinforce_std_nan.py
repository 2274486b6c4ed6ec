import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(2)
rng = np.random.default_rng(2)


class Ledge:
    """walk along a ledge of 10 steps; a wrong foot and one falls"""

    def reset(self):
        self.t = 0
        self.side = rng.integers(2)
        return self._look()

    def _look(self):
        o = np.zeros(4, dtype=np.float32)
        o[self.side] = 1
        o[2] = self.t / 10
        o[3] = rng.normal()
        return o

    def step(self, foot):
        fell = foot != self.side
        self.t += 1
        self.side = rng.integers(2)
        return self._look(), 0.0 if fell else 1.0, fell or self.t == 10


policy = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
env = Ledge()
lengths = []
for episode in range(1, 601):
    obs, done, logps, rewards = env.reset(), False, [], []
    while not done:
        scores = torch.nan_to_num(policy(torch.from_numpy(obs)))
        pi = Categorical(logits=scores)
        a = pi.sample()
        logps.append(pi.log_prob(a))
        obs, r, done = env.step(a.item())
        rewards.append(r)
    R, returns = 0.0, []
    for r in reversed(rewards):
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / returns.std()
    loss = -(torch.stack(logps) * returns).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    lengths.append(sum(rewards))
    if episode % 100 == 0:
        print(f"episode {episode} loss {loss.item():.4f} mean reward of the last 100: {np.mean(lengths[-100:]):.2f} of 10")
