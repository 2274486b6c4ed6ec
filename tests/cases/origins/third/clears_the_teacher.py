# broken: ACT901
# healthy: nothing
import copy
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class MeanTeacher:
    """A student that is trained, and a teacher that follows it slowly."""

    def __init__(self, student):
        self.student = student
        self.teacher = copy.deepcopy(student).requires_grad_(False)
        self.optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9)

    def clear(self):
        (self.teacher if sys.argv[1] == "broken" else self.student).zero_grad()

    def step(self, x, y):
        self.clear()
        with torch.no_grad():
            wanted = self.teacher(x).softmax(1)
        scores = self.student(x + 0.1 * torch.randn_like(x))
        loss = F.cross_entropy(scores, y)
        loss = loss + 0.1 * (scores.softmax(1) - wanted).pow(2).sum(1).mean()
        loss.backward()
        self.optimizer.step()
        for slow, fast in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            slow.mul_(0.98).add_(fast.detach(), alpha=0.02)
        return loss.item()


angle = torch.rand(900) * 6.28
ring = torch.randint(0, 3, (900,))
points = torch.stack([angle.cos(), angle.sin()], 1) * (1 + ring[:, None]) / 1.5
points += 0.05 * torch.randn_like(points)
net = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3))
pair = MeanTeacher(net)
for epoch in range(14):
    losses = [pair.step(points[i], ring[i]) for i in torch.randperm(900).split(30)]
print("end", round(sum(losses) / len(losses), 4))
