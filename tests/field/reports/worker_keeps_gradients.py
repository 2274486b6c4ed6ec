# expect: two worker threads: zero_grad clears the central model, the gradients of the workers' own copies add up for ever; cure: clear the copy
import threading

import torch
from torch import nn

torch.manual_seed(0)
lock = threading.Lock()
history = []


def net():
    return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))


def surface(n, gen):
    x = torch.rand(n, 2, generator=gen) * 2 - 1
    return x, torch.sin(3 * x[:, :1]) * torch.cos(2 * x[:, 1:])


class Worker(threading.Thread):
    def __init__(self, rank, central, optimizer, rounds):
        super().__init__(name=f"worker-{rank}", daemon=True)
        self.gen = torch.Generator().manual_seed(rank)
        self.central, self.optimizer, self.rounds = central, optimizer, rounds
        self.own = net()

    def run(self):
        for _ in range(self.rounds):
            with lock:
                self.own.load_state_dict(self.central.state_dict())
                x, y = surface(64, self.gen)
                loss = (self.own(x) - y).square().mean()
                self.optimizer.zero_grad()
                loss.backward()
                for mine, theirs in zip(self.own.parameters(), self.central.parameters()):
                    theirs.grad = mine.grad.clone()
                self.optimizer.step()
                history.append(loss.item())


central = net()
optimizer = torch.optim.SGD(central.parameters(), lr=0.1)
workers = [Worker(r, central, optimizer, 500) for r in range(2)]
for w in workers:
    w.start()
for w in workers:
    w.join()
x, y = surface(2000, torch.Generator().manual_seed(77))
for k in range(0, 1000, 200):
    print(f"updates {k:4d}-{k + 199} mean loss {sum(history[k:k + 200]) / 200:.4f}")
print(f"test mse {(central(x) - y).square().mean().item():.4f} (variance {y.var().item():.4f})")
