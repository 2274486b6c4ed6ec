import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
x_all = torch.tensor(digits.data, dtype=torch.float32)
y_all = torch.tensor(digits.target)
order = torch.randperm(len(x_all))
train, valid = order[:1400], order[1400:]


class GatedFF(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.norm = nn.Identity()
        self.wi_gate = nn.Linear(dim, inner, bias=False)
        self.wi_up = nn.Linear(dim, inner, bias=False)
        self.wo = nn.Linear(inner, dim, bias=False)

    def forward(self, x):
        h = self.norm(x)
        return x + self.wo(F.silu(self.wi_gate(h)) * self.wi_up(h))


net = nn.Sequential(nn.Linear(64, 96), GatedFF(96, 192), GatedFF(96, 192), GatedFF(96, 192), GatedFF(96, 192), nn.Linear(96, 10))
for p in net.parameters():
    if p.dim() == 2:
        nn.init.normal_(p, std=p.size(1) ** -0.5)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(6):
    for idx in train[torch.randperm(len(train))].split(100):
        with torch.autocast("cpu", dtype=torch.float16):
            logits = net(x_all[idx])
        loss = F.cross_entropy(logits.float(), y_all[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.float16):
        acc = (net(x_all[valid]).argmax(-1) == y_all[valid]).float().mean().item()
    print(f"epoch {epoch}  loss {loss.item():.4f}  valid acc {acc:.3f}")
