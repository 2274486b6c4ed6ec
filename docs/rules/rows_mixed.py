import torch
from torch import nn

import relume

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(20, 64), nn.Linear(64, 2)

    def forward(self, x):
        h = torch.relu(self.first(x))
        h = (h - h.mean(0)) / (h.std(0) + 1e-5)  # bad
        h = (h - h.mean(1, keepdim=True)) / (h.std(1, keepdim=True) + 1e-5)  # good
        return self.last(h)


diagnosis = relume.check(Net(), torch.randn(32, 20), probe=True)
print(diagnosis)
