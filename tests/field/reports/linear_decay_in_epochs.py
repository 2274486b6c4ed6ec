# expect: a decay to zero over 30 epochs is counted in batches: the rate is exactly 0 from batch 30 of the first epoch on; cure: step it per epoch (or count all batches)
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
EPOCHS, BATCH = 30, 32


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Linear(32, 48)
        self.mid = nn.Linear(48, 48)
        self.up = nn.Linear(48, 32)

    def forward(self, x):
        h = F.silu(self.down(x))
        return self.up(h + F.silu(self.mid(h)))


def waves(n):
    t = torch.linspace(0, 1, 32)
    f, p = torch.rand(n, 1) * 3 + 1, torch.rand(n, 1) * 6.28
    clean = torch.sin(6.28 * f * t + p)
    return clean + 0.4 * torch.randn_like(clean), clean


noisy, clean = waves(1600)
vn, vc = waves(400)
net = Denoiser()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
warmup = 3
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / warmup, max(0.0, 1 - s / EPOCHS)))
for epoch in range(1, EPOCHS + 1):
    for b in torch.randperm(1600).split(BATCH):
        loss = F.mse_loss(net(noisy[b]), clean[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    if epoch % 6 == 0:
        with torch.no_grad():
            print(f"epoch {epoch:2d} train {loss.item():.4f} val {F.mse_loss(net(vn), vc).item():.4f} (input itself {F.mse_loss(vn, vc).item():.4f})")
