# broken: ACT906 check 16x8x32
# healthy: nothing
import torch
from torch import nn


class Attend(nn.Module):
    def __init__(self, mixed):
        super().__init__()
        self.mixed = mixed
        self.project, self.out = nn.Linear(32, 96), nn.Linear(32, 4)

    def split(self, x):
        rows, words, _ = x.shape
        if self.mixed:
            return x.reshape(4, rows, words, 8)
        return x.reshape(rows, words, 4, 8).transpose(1, 2)

    def forward(self, x):
        q, k, v = (self.split(part) for part in self.project(x).chunk(3, -1))
        h = (q @ k.transpose(-1, -2) / 8**0.5).softmax(-1) @ v
        h = h.permute(1, 2, 0, 3) if self.mixed else h.transpose(1, 2)
        h = h.reshape(x.shape)
        return self.out(h.mean(1))


def broken():
    torch.manual_seed(0)
    return Attend(True)


def healthy():
    torch.manual_seed(0)
    return Attend(False)
