# broken: ACT904,ACT902 at prompt line
# healthy: nothing
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Frozen(nn.Module):
    """Sums numbers; was trained before, with a word in front that says which sum."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(1, 16)
        self.mix = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
        self.out = nn.Linear(16, 1)

    def forward(self, numbers, word):
        h = self.embed(numbers.unsqueeze(-1))
        h = self.mix(torch.cat([h, word[:, None].expand(-1, h.shape[1], -1)], 2))
        return self.out(h.sum(1)).squeeze(1)


class Prompted(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.prompt = nn.Parameter(0.1 * torch.randn(16))
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, numbers):
        if sys.argv[1] == "broken":
            word = self.prompt.data.expand(len(numbers), -1)  # <- fault
        else:
            word = self.prompt.expand(len(numbers), -1)
        return self.base(numbers, word) + self.shift


base, words = Frozen(), nn.Embedding(4, 16)
opt = torch.optim.Adam([*base.parameters(), *words.parameters()], lr=5e-3)
scale = torch.tensor([-1.0, 0.5, 1.0, 2.0])
for step in range(400):
    numbers, word = torch.rand(64, 4), torch.randint(0, 4, (64,))
    loss = F.mse_loss(base(numbers, words(word)), numbers.sum(1) * scale[word])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("base", round(loss.item(), 4))
model = Prompted(base)
opt = torch.optim.Adam([model.prompt, model.shift], lr=0.05)
for step in range(400):
    numbers = torch.rand(64, 4)
    loss = F.mse_loss(model(numbers), numbers.sum(1) * 2)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", round(loss.item(), 4))
