import random
import torch
import torch.nn as nn

random.seed(0)
torch.manual_seed(0)
SIZE = 6
ACTIONS = [(0, 1), (0, -1), (1, 0), (-1, 0)]


def features(cell):
    v = torch.zeros(2 * SIZE)
    v[cell[0]] = v[SIZE + cell[1]] = 1
    return v


def move(cell, a):
    x = min(max(cell[0] + ACTIONS[a][0], 0), SIZE - 1)
    y = min(max(cell[1] + ACTIONS[a][1], 0), SIZE - 1)
    done = (x, y) == (SIZE - 1, SIZE - 1)
    return (x, y), 1.0 if done else 0.0, done


class Agent:
    def __init__(self):
        net = lambda: nn.Sequential(nn.Linear(2 * SIZE, 64), nn.ReLU(), nn.Linear(64, 4))
        self.eval_net, self.target_net = net(), net()
        self.target_net.load_state_dict(self.eval_net.state_dict())
        self.opt = torch.optim.Adam(self.eval_net.parameters(), lr=2e-3)
        self.memory, self.learned = [], 0

    def act(self, cell, eps):
        if random.random() < eps:
            return random.randrange(4)
        with torch.no_grad():
            return self.eval_net(features(cell)).argmax().item()

    def learn(self, gamma=0.9):
        s, a, r, n, d = zip(*random.sample(self.memory, 32))
        s, n = torch.stack(s), torch.stack(n)
        a, r, d = torch.tensor(a), torch.tensor(r), torch.tensor(d).float()
        q = self.eval_net(s).gather(1, a[:, None]).squeeze(1)
        with torch.no_grad():
            goal = r + gamma * (1 - d) * self.target_net(n).max(1).values
        loss = nn.functional.smooth_l1_loss(q, goal)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.learned += 1
        if self.learned % 50 == 0:
            self.target_net.load_state_dict(self.target_net.state_dict())
        return loss.item()


agent, loss = Agent(), 0.0
for episode in range(1, 121):
    cell, done, steps = (random.randrange(SIZE - 1), random.randrange(SIZE - 1)), False, 0
    while not done and steps < 30:
        a = agent.act(cell, eps=0.5)
        nxt, reward, done = move(cell, a)
        agent.memory.append((features(cell), a, reward, features(nxt), done))
        cell, steps = nxt, steps + 1
        if len(agent.memory) > 100:
            loss = agent.learn()
    if episode % 20 == 0:
        solved = 0
        for x in range(SIZE):
            for y in range(SIZE):
                c, d, k = (x, y), (x, y) == (SIZE - 1, SIZE - 1), 0
                while not d and k < 12:
                    c, _, d = move(c, agent.act(c, 0.0))
                    k += 1
                solved += d
        print(f"episode {episode} loss {loss:.5f} solved from {solved} of {SIZE * SIZE} cells")
