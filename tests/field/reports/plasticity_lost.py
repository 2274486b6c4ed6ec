import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
bunch = load_digits()
pixels = torch.tensor(bunch.data, dtype=torch.float32)[:960] / 16
labels = torch.tensor(bunch.target)[:960]
TASKS, EPOCHS = 40, 4
LR, DECAY = 0.01, 0.0


class Learner(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.fc1 = nn.Linear(64, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, width)
        self.out = nn.Linear(width, 10)

    def forward(self, x):
        self.hidden = []
        for fc in (self.fc1, self.fc2, self.fc3):
            x = F.relu(fc(x))
            self.hidden.append(x.detach())
        return self.out(x)


net = Learner()
opt = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=DECAY)
for task in range(1, TASKS + 1):
    x = pixels[:, torch.randperm(64)]              # each task: the same digits with their pixels shuffled anew
    for epoch in range(EPOCHS):
        for rows in torch.randperm(len(pixels)).split(32):
            loss = F.cross_entropy(net(x[rows]), labels[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
    if task in (1, 2, 5) or task % 10 == 0:
        with torch.no_grad():
            acc = (net(x).argmax(1) == labels).float().mean().item()
        dormant = torch.cat([(h.amax(0) == 0).float() for h in net.hidden]).mean().item()
        print(f"task {task:3d} loss {loss.item():.3f} accuracy at its end {acc:.3f} silent units {dormant:.2f}")
