# broken: ACT901
# healthy: nothing
import sys

import numpy as np
import torch

clear = sys.argv[1] == "healthy"
torch.manual_seed(0)
rng = np.random.default_rng(0)
x = torch.tensor(rng.uniform(-2, 2, (200, 1))).float()
u = torch.tensor(np.sin(3 * x.numpy()) + 0.3 * x.numpy() ** 2).float()


class Surrogate(torch.nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.hidden1 = torch.nn.Linear(1, width)
        self.hidden2 = torch.nn.Linear(width, width)
        self.head = torch.nn.Linear(width, 1)

    def forward(self, t):
        return self.head(torch.tanh(self.hidden2(torch.tanh(self.hidden1(t)))))


net = Surrogate()
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=10)


def closure():
    if clear:
        optimizer.zero_grad()
    loss = torch.mean((net(x) - u) ** 2)
    loss.backward()
    return loss


for iteration in range(40):
    loss = optimizer.step(closure)
    if iteration % 10 == 0:
        print(iteration, float(loss))
print("end", round(torch.mean((net(x) - u) ** 2).item(), 5))
