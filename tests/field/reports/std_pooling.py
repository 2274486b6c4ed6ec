# expect: a silent recording has the same frames throughout: the variance is 0, sqrt at 0 sends NaN back; cure: a floor under the root
import torch
from torch import nn


class StatsPool(nn.Module):
    """Mean and deviation over the frames, as in speaker embeddings."""

    def forward(self, frames):
        mu = frames.mean(1)
        var = (frames - mu.unsqueeze(1)).square().mean(1)
        return torch.cat([mu, var.sqrt()], dim=1)


class Speaker(nn.Module):
    def __init__(self, speakers):
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
        self.pool = StatsPool()
        self.out = nn.Linear(48, speakers)

    def forward(self, x):
        return self.out(self.pool(self.frame(x)))


def utterances(voice, n, length=16):
    who = torch.randint(0, len(voice), (n,))
    x = torch.randn(n, length, 6) * voice[who].unsqueeze(1).exp()
    x[torch.rand(n) < 0.02] = 0.0  # now and then a recording is silent
    return x, who


torch.manual_seed(6)
voice = 0.6 * torch.randn(5, 6)
net = Speaker(5)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(601):
    x, who = utterances(voice, 32)
    loss = nn.functional.cross_entropy(net(x), who)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        x, who = utterances(voice, 500)
        print("step", step, "loss", f"{loss.item():.4f}", "acc", f"{(net(x).argmax(1) == who).float().mean().item():.3f}")
