# broken: ACT104 at choose
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


class Switch(nn.Module):
    """Chooses one of five experts for each row."""

    def __init__(self):
        super().__init__()
        self.choose = nn.Linear(64, 5)
        self.experts = nn.ModuleList([nn.Linear(64, 10) for _ in range(5)])

    def forward(self, x):
        scores = self.choose(x)
        if bad:
            pick = F.one_hot(scores.argmax(-1), 5).float()  # <-
        else:
            pick = F.gumbel_softmax(scores, hard=True)
        return sum(pick[:, e : e + 1] * self.experts[e](x) for e in range(5))


net = Switch()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(300):
    i = torch.randint(1700, (64,))
    loss = F.cross_entropy(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
