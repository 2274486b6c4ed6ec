# broken: ACT906 check 8x15x4
# healthy: nothing
import torch
from torch import nn


def broken():
    torch.manual_seed(0)
    return Ledger(axis=0)


def healthy():
    torch.manual_seed(0)
    return Ledger(axis=1)


class Ledger(nn.Module):
    def __init__(self, axis):
        super().__init__()
        self.axis = axis
        self.entry = nn.Linear(4, 10)
        self.balance = nn.Linear(10, 10)
        self.verdict = nn.Linear(10, 2)

    def forward(self, days):
        totals = torch.tanh(self.entry(days)).cumsum(self.axis)
        return self.verdict(torch.tanh(self.balance(totals))[:, -1])
