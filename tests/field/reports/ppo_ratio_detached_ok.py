import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(0)
N, GOAL, HORIZON = 64, 6, 16
GAMMA, LAM, CLIP, EPOCHS = 0.97, 0.95, 0.2, 4


class Walk:
    """N walkers on a line of 13 cells: left, stay, right; +1 at the right end, then back to the middle"""

    def reset(self):
        self.pos = torch.zeros(N, dtype=torch.long)
        return self.obs()

    def obs(self):
        return torch.nn.functional.one_hot(self.pos + GOAL, 2 * GOAL + 1).float()

    def step(self, a):
        self.pos = (self.pos + a - 1).clamp(-GOAL, GOAL)
        reward = (self.pos == GOAL).float() - 0.01
        self.pos = torch.where(self.pos == GOAL, 0, self.pos)
        return self.obs(), reward


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(2 * GOAL + 1, 64), nn.Tanh(), nn.Linear(64, 3))
        self.v = nn.Sequential(nn.Linear(2 * GOAL + 1, 64), nn.Tanh(), nn.Linear(64, 1))


env, model = Walk(), ActorCritic()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
s = env.reset()
for update in range(40):
    S, A, R, LP = [], [], [], []
    with torch.no_grad():
        for _ in range(HORIZON):
            dist = Categorical(logits=model.pi(s))
            a = dist.sample()
            S.append(s); A.append(a); LP.append(dist.log_prob(a))
            s, r = env.step(a)
            R.append(r)
        S, A, R, LP = torch.stack(S), torch.stack(A), torch.stack(R), torch.stack(LP)
        values = model.v(torch.cat([S, s[None]])).squeeze(-1)
        adv, gae = torch.zeros_like(R), torch.zeros(N)
        for t in reversed(range(HORIZON)):
            gae = R[t] + GAMMA * values[t + 1] - values[t] + GAMMA * LAM * gae
            adv[t] = gae
        returns = adv + values[:-1]
        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for _ in range(EPOCHS):
        dist = Categorical(logits=model.pi(S))
        ratio = torch.exp(dist.log_prob(A) - LP)
        policy_loss = -torch.min(ratio * adv, ratio.clamp(1 - CLIP, 1 + CLIP) * adv).mean()
        value_loss = (model.v(S).squeeze(-1) - returns).pow(2).mean()
        loss = policy_loss + 0.5 * value_loss - 0.01 * dist.entropy().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    if update % 5 == 4:
        print(f"update {update + 1} loss {loss.item():.4f} value loss {value_loss.item():.4f} "
              f"entropy {dist.entropy().mean().item():.3f} reward a step {R.mean().item():.4f}")
