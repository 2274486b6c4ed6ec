# broken: ACT903 at table
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Recommender(nn.Module):
    def __init__(self, users=60, items=80, width=3):
        super().__init__()
        self.user_table = nn.Parameter(0.3 * torch.randn(users, width))
        self.item_table = nn.Parameter(0.3 * torch.randn(items, width))
        self.join = nn.Linear(2 * width, 48)
        self.score = nn.Linear(48, 1)

    def forward(self, user, item):
        both = torch.cat([self.user_table[user], self.item_table[item]], 1)
        return self.score(F.relu(self.join(both))).squeeze(1)


def parameter_groups(model):
    decay, no_decay, rest = [], [], []
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            decay.append(parameter)
        elif name.endswith("bias"):
            no_decay.append(parameter)
        else:
            rest.append(parameter)
    groups = [{"params": decay, "weight_decay": 0.001}, {"params": no_decay, "weight_decay": 0.0}]
    if sys.argv[1] == "healthy":
        groups.append({"params": rest, "weight_decay": 0.0})
    return groups


taste, kind = torch.randn(60, 3), torch.randn(80, 3)
user, item = torch.randint(0, 60, (3000,)), torch.randint(0, 80, (3000,))
rating = (taste[user] * kind[item]).sum(1)
model = Recommender()
optimizer = torch.optim.AdamW(parameter_groups(model), lr=0.02)
for epoch in range(12):
    for rows in torch.randperm(3000).split(100):
        optimizer.zero_grad()
        loss = F.mse_loss(model(user[rows], item[rows]), rating[rows])
        loss.backward()
        optimizer.step()
    print(f"[{epoch}] mse={loss.item():.3f}")
print("end", round(F.mse_loss(model(user, item), rating).item(), 4))
