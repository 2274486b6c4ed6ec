# broken: ACT906,ACT205 check 16x10x12
# healthy: nothing
import torch
from torch import nn


class AttentivePool(nn.Module):
    def __init__(self, over, width=12):
        super().__init__()
        self.over = over
        self.score = nn.Linear(width, 1)
        self.value = nn.Linear(width, width)
        self.head = nn.Linear(width, 5)

    def forward(self, frames):
        weight = torch.softmax(self.score(frames), dim=self.over)
        return self.head((weight * torch.relu(self.value(frames))).sum(1))


def broken():
    torch.manual_seed(0)
    return AttentivePool(over=0)


def healthy():
    torch.manual_seed(0)
    return AttentivePool(over=1)
