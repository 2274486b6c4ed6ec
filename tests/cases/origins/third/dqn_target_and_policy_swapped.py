# broken: ACT904,ACT903,ACT902
# healthy: nothing
import copy
import random
import sys
from collections import deque

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
SIZE = 7


class Corridor:
    def reset(self):
        self.at = SIZE // 2
        return self.state()

    def state(self):
        return torch.eye(SIZE)[self.at]

    def step(self, action):
        self.at += 1 if action else -1
        done = self.at in (0, SIZE - 1)
        return self.state(), float(self.at == SIZE - 1) - 0.01, done


class Agent:
    def __init__(self):
        self.policy = nn.Sequential(nn.Linear(SIZE, 32), nn.ReLU(), nn.Linear(32, 2))
        self.target = copy.deepcopy(self.policy)
        self.memory = deque(maxlen=2000)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=3e-3)

    def act(self, state, epsilon):
        if random.random() < epsilon:
            return random.randrange(2)
        with torch.no_grad():
            return int(self.policy(state).argmax())

    def learn(self):
        s, a, r, n, d = zip(*random.sample(self.memory, 32), strict=True)
        s, n = torch.stack(s), torch.stack(n)
        a, r, d = torch.tensor(a), torch.tensor(r), torch.tensor(d).float()
        now, then = self.policy, self.target
        if sys.argv[1] == "broken":
            now, then = then, now
        with torch.no_grad():
            wanted = r + 0.9 * (1 - d) * then(n).amax(1)
        loss = nn.functional.smooth_l1_loss(now(s).gather(1, a[:, None]).squeeze(1), wanted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


world, agent, loss, wins = Corridor(), Agent(), 0.0, []
for episode in range(150):
    state, done, steps = world.reset(), False, 0
    while not done and steps < 20:
        action = agent.act(state, epsilon=0.5)
        after, reward, done = world.step(action)
        agent.memory.append((state, action, reward, after, done))
        state, steps = after, steps + 1
        if len(agent.memory) > 64:
            loss = agent.learn()
    if episode % 10 == 0:
        agent.target.load_state_dict(agent.policy.state_dict())
best = agent.policy(torch.eye(SIZE)[1:-1]).argmax(1)
print("end", round(loss, 5), "steps to the right", best.float().mean().item())
