import torch
from torch import nn

import relume

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(20, 64), nn.Linear(64, 2)

    def forward(self, x):  # (batch, steps, features)
        h = torch.relu(self.first(x))
        return self.last(h.mean(dim=(0, 1)).expand(len(x), -1))  # bad
        return self.last(h.mean(dim=1))  # good


x, y = torch.randn(32, 32, 20), torch.randint(2, (32,))
diagnosis = relume.check(Net(), (x, y), nn.functional.cross_entropy, probe=True)
print(diagnosis)
