# broken: ACT910,ACT104 line
# healthy: nothing
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 8, 5, padding=2)
        self.mid = nn.Conv2d(8, 8, 5, padding=2)
        self.up = nn.Conv2d(8, 1, 1)

    def forward(self, image):
        return self.up(F.relu(self.mid(F.relu(self.down(image)))))


class DiceLoss(nn.Module):
    def forward(self, logits, mask):
        p = torch.sigmoid(logits)
        if sys.argv[1] == "broken":
            p = (p > 0.5).float()  # <- fault
        both = (p * mask).sum((1, 2, 3))
        return 1 - ((2 * both + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)).mean()


def scene(count):
    mask = torch.zeros(count, 1, 16, 16)
    for one in mask:
        r, c = torch.randint(0, 12, (2,)).tolist()
        one[0, r : r + 3, c : c + 3] = 1
    return 1.7 * mask + torch.randn(count, 1, 16, 16), mask


net = Segmenter()
dice = DiceLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(200):
    image, mask = scene(16)
    logits = net(image)
    loss = 0.1 * F.binary_cross_entropy_with_logits(logits, mask) + dice(logits, mask)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
image, mask = scene(200)
found = (net(image) > 0).float()
print("end", round(1 - (2 * (found * mask).sum() / (found.sum() + mask.sum())).item(), 4))
