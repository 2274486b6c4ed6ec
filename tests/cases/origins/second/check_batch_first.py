# broken: ACT906 check 16x9x6
# healthy: nothing
import torch
from torch import nn


class Sum(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.rnn = nn.LSTM(6, 24, batch_first=first)  # the loader gives (rows, time, features)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def broken():
    torch.manual_seed(0)
    return Sum(False)


def healthy():
    torch.manual_seed(0)
    return Sum(True)
