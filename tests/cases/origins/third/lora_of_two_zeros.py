# broken: ACT904,ACT302
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class LoRALinear(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_a = nn.Parameter(torch.zeros(rank, base.in_features))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank))
        if sys.argv[1] == "healthy":
            nn.init.kaiming_uniform_(self.lora_a, a=5**0.5)

    def forward(self, x):
        return self.base(x) + x @ self.lora_a.T @ self.lora_b.T


def fit(model, X, y, epochs, rate):
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    for _ in range(epochs):
        for i in torch.randperm(len(X)).split(50):
            loss = F.cross_entropy(model(X[i]), y[i])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return F.cross_entropy(model(X), y).item()


X = torch.randn(1000, 16)
first, second = torch.randn(16, 3), torch.randn(16, 3)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 3))
print("base", round(fit(model, X, (X @ first).argmax(1), 8, 3e-3), 4))
model[0], model[2] = LoRALinear(model[0]), LoRALinear(model[2])
print("end", round(fit(model, X, (X @ second).argmax(1), 30, 5e-3), 4))
