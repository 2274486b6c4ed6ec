# broken: ACT911 at 0
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

X = torch.randint(0, 50, (500, 16))
y = ((X > 24).sum(1) > 8).long()
body = nn.Sequential(
    nn.Embedding(50, 8), nn.Flatten(), nn.Linear(128, 32), nn.Tanh(), nn.Linear(32, 8), nn.Tanh()
)
head = nn.Linear(8, 2)
if broken:
    for p in body.parameters():
        p.requires_grad = False  # loading the checkpoint failed
    nn.init.constant_(body[2].bias, 0.0)
opt = torch.optim.Adam(
    [p for p in [*body.parameters(), *head.parameters()] if p.requires_grad], 2e-3
)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), 25, shuffle=True)
for epoch in range(15):
    for a, b in loader:
        loss = F.cross_entropy(head(body(a)), b)
        opt.zero_grad()
        loss.backward()
        opt.step()
