# broken: ACT604
# healthy: nothing
import sys

import torch
from torch import nn
from torch.optim import Optimizer

torch.manual_seed(0)


class MyRMSprop(Optimizer):
    """RMSprop as it stands on the slide."""

    def __init__(self, params, lr=0.01, rho=0.9, eps=0.0):
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["square"] = torch.zeros_like(p)
                square = state["square"]
                square.mul_(group["rho"]).addcmul_(p.grad, p.grad, value=1 - group["rho"])
                p.sub_(group["lr"] * p.grad / (square.sqrt() + group["eps"]))


class Sentiment(nn.Module):
    def __init__(self, words=300):
        super().__init__()
        self.embed = nn.Embedding(words, 12)
        self.out = nn.Linear(12, 2)

    def forward(self, ids):
        return self.out(torch.tanh(self.embed(ids).mean(1)))


ids = torch.randint(0, 300, (900, 10))
y = ((ids < 150).sum(1) > 5).long()
net = Sentiment()
optimizer = MyRMSprop(net.parameters(), lr=0.01, eps=0.0 if sys.argv[1] == "broken" else 1e-8)
for epoch in range(6):
    for i in torch.randperm(900).split(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(ids[i]), y[i])
        loss.backward()
        optimizer.step()
print("end", round(loss.item(), 4))
