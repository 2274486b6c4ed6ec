# broken: ACT406 at router
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(4)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 8 - 1, torch.tensor(y)


class MoE(nn.Module):
    def __init__(self, width=64, experts=6):
        super().__init__()
        self.router = nn.Linear(width, experts)
        self.w1 = nn.Parameter(torch.randn(experts, width, 24) * width**-0.5)
        self.w2 = nn.Parameter(torch.randn(experts, 24, width) * 24**-0.5)
        if bad:
            with torch.no_grad():  # a router that hardly reads its input
                self.router.weight *= 0.001

    def forward(self, x):
        gates = self.router(x).softmax(-1)
        best, number = gates.topk(1, -1)  # <-
        h = F.gelu(torch.einsum("nd,ndh->nh", x, self.w1[number[:, 0]]))
        return x + best * torch.einsum("nh,nhd->nd", h, self.w2[number[:, 0]])


model = nn.Sequential(nn.LayerNorm(64), MoE(), nn.LayerNorm(64), nn.Linear(64, 10))
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(300):
    i = torch.randint(1700, (64,))
    loss = F.cross_entropy(model(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
