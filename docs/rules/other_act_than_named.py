from types import SimpleNamespace

import torch
from torch import nn

import relume

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.first, self.last = nn.Linear(20, 64), nn.Linear(64, 2)
        self.act = nn.GELU()  # bad
        self.act = nn.GELU(approximate="tanh")  # good

    def forward(self, x):
        return self.last(self.act(self.first(x)))


config = SimpleNamespace(hidden_act="gelu_pytorch_tanh")
diagnosis = relume.check(Net(config), torch.randn(32, 20))
print(diagnosis)
