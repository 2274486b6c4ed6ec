# broken: ACT903 at experts|low|high
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        experts = {k: nn.Sequential(nn.Linear(6, 24), nn.GELU()) for k in ("low", "high")}
        self.experts = experts if broken else nn.ModuleDict(experts)
        self.gate = nn.Linear(6, 2)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        weight = self.gate(x).softmax(-1)
        parts = [self.experts["low"](x), self.experts["high"](x)]
        return self.out(weight[:, :1] * parts[0] + weight[:, 1:] * parts[1])


X = torch.randn(500, 6)
y = torch.where(X[:, :1] > 0, X[:, 1:2] * 2, X[:, 2:3].abs())
model = Experts()
opt = torch.optim.Adam(model.parameters(), 3e-3)
for epoch in range(16):
    for i in torch.randperm(500).split(25):
        loss = F.mse_loss(model(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
