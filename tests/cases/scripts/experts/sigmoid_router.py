# broken: ACT406 at router
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(2)
x, y = load_diabetes(return_X_y=True, scaled=True)
x = torch.tensor(x, dtype=torch.float32) * 20
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)


class Mixture(nn.Module):
    """Sigmoid scores, renormalised over the picked experts."""

    def __init__(self, experts=8, picks=2):
        super().__init__()
        self.picks = picks
        self.router = nn.Linear(10, experts)
        self.up = nn.Parameter(torch.randn(experts, 10, 16) / 10**0.5)
        self.down = nn.Parameter(torch.randn(experts, 16) / 4)
        if bad:
            nn.init.normal_(self.router.bias, std=30.0)

    def forward(self, x):
        scores = torch.sigmoid(self.router(x))
        value, pick = scores.topk(self.picks, dim=-1)  # <-
        weight = value / value.sum(-1, keepdim=True)
        h = torch.einsum("nd,edh->neh", x, self.up).relu()
        out = torch.einsum("neh,eh->ne", h, self.down)
        return (out.gather(-1, pick) * weight).sum(-1)


net = Mixture()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(300):
    i = torch.randint(len(x), (64,))
    loss = F.mse_loss(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
