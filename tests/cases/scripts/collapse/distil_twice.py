# broken: ACT208,ACT201 at student
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
teacher = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
student = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
opt = torch.optim.Adam(teacher.parameters(), lr=5e-3)
for step in range(200):
    i = torch.randint(1700, (64,))
    loss = F.cross_entropy(teacher(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
teacher.requires_grad_(False)
opt = torch.optim.Adam(student.parameters(), lr=5e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    goal = teacher(x[i]).softmax(1)
    out = student(x[i])
    probs = out.softmax(1)
    log_p = F.log_softmax(probs if bad else out, dim=1)  # <-
    loss = F.kl_div(log_p, goal, reduction="batchmean")
    opt.zero_grad()
    loss.backward()
    opt.step()
print("agree", float((student(x).argmax(1) == teacher(x).argmax(1)).float().mean()))
