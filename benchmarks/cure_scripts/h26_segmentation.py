"""Squares in noise, a small U-Net with cross-entropy and dice. Healthy."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(126)


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.enter = nn.Conv2d(1, c, 3, padding=1)
        self.down = nn.Conv2d(c, 2 * c, 3, padding=1, stride=2)
        self.mid = nn.Conv2d(2 * c, 2 * c, 3, padding=1)
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.leave = nn.Conv2d(2 * c, 1, 3, padding=1)

    def forward(self, x):
        a = F.relu(self.enter(x))
        b = F.relu(self.mid(F.relu(self.down(a))))
        return self.leave(torch.cat([a, F.relu(self.up(b))], 1))


def scenes(n):
    mask = torch.zeros(n, 1, 16, 16)
    for m in mask:
        r, c = torch.randint(0, 10, (2,)).tolist()
        m[0, r : r + 6, c : c + 6] = 1
    return 2 * mask - 1 + 0.7 * torch.randn(n, 1, 16, 16), mask


def dice_loss(p, m):
    return 1 - ((2 * (p * m).sum((1, 2, 3)) + 1) / ((p + m).sum((1, 2, 3)) + 1)).mean()


model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(120):
    image, mask = scenes(16)
    logits = model(image)
    loss = F.binary_cross_entropy_with_logits(logits, mask) + dice_loss(logits.sigmoid(), mask)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 29:
        image, mask = scenes(64)
        with torch.no_grad():
            print(f"step {step + 1} loss {loss.item():.4f} val dice {1 - dice_loss(model(image).sigmoid(), mask).item():.4f}")
