# broken: ACT906 check 20x16
# healthy: nothing
import torch
from torch import nn


class Gate(nn.Module):
    """Weighs the features by how large they are, the largest counting one."""

    def __init__(self, by_row):
        super().__init__()
        self.by_row = by_row
        self.score = nn.Linear(16, 16)
        self.out = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        size = self.score(x).exp()
        largest = size.amax(1, keepdim=True) if self.by_row else size.max()
        return self.out(x * size / largest)


def broken():
    torch.manual_seed(0)
    return Gate(by_row=False)


def healthy():
    torch.manual_seed(0)
    return Gate(by_row=True)
