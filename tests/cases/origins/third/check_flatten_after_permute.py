# broken: ACT906 check 12x3x8x8
# healthy: nothing
import torch
import torch.nn as nn
import torch.nn.functional as F


class SmallConv(nn.Module):
    def __init__(self, swap):
        super().__init__()
        self.swap = swap
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1)
        self.fc = nn.Linear(12 * 16, 7)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        if self.swap:
            x = x.permute(1, 0, 2, 3)
        return self.fc(x.reshape(-1, 12 * 16))


def broken():
    torch.manual_seed(0)
    return SmallConv(True)


def healthy():
    torch.manual_seed(0)
    return SmallConv(False)
