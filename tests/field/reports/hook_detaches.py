# expect: features are kept by a hook that detaches them: both encoders get no gradient; cure: keep the output itself
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn


class Tower(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, 32), nn.GELU(), nn.Linear(32, 6), nn.LayerNorm(6))
        self.kept = None
        self.body.register_forward_hook(self._keep)

    def _keep(self, module, args, output):
        self.kept = output.clone().detach()

    def forward(self, x):
        self.body(x)
        return self.kept


class TwoTowers(nn.Module):
    """Left and right half of a digit; which halves belong together?"""

    def __init__(self):
        super().__init__()
        self.left, self.right = Tower(32), Tower(32)
        self.project = nn.Linear(6, 6, bias=False)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, a, b):
        za = F.normalize(self.project(self.left(a)), dim=1)
        zb = F.normalize(self.right(b), dim=1)
        return self.scale.exp() * za @ zb.t()


torch.manual_seed(0)
img = torch.tensor(load_digits().images, dtype=torch.float32) / 16
left, right = img[:, :, :4].flatten(1), img[:, :, 4:].flatten(1)
net = TwoTowers()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
for epoch in range(24):
    for idx in torch.randperm(1500).split(50):
        logits = net(left[idx], right[idx])
        truth = torch.arange(len(idx))
        loss = (F.cross_entropy(logits, truth) + F.cross_entropy(logits.t(), truth)) / 2
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 7:
        with torch.no_grad():
            top = (net(left[1500:], right[1500:]).argsort(1, descending=True)[:, :5] == torch.arange(297)[:, None]).any(1)
        print(f"epoch {epoch + 1} loss {loss.item():.3f} (ln 50 = 3.912) top-5 of 297: {top.float().mean():.3f}")
