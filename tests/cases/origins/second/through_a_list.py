# broken: ACT904 at encoder line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

broken = sys.argv[1] == "broken"
torch.manual_seed(0)

encoder = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 3))
decoder = nn.Sequential(nn.Linear(3, 48), nn.ReLU(), nn.Linear(48, 12))
X = torch.randn(500, 3) @ torch.randn(3, 12)
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 2e-3)
for epoch in range(16):
    for i in torch.randperm(500).split(25):
        code = encoder(X[i])
        if broken:
            code = torch.tensor(code.tolist())  # <- fault
        loss = F.mse_loss(decoder(code), X[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", round(loss.item(), 4))
