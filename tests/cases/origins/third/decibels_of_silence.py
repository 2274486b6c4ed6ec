# broken: ACT907
# healthy: nothing
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

broken = sys.argv[1] == "broken"
rng = np.random.default_rng(0)
torch.manual_seed(0)


class Clips(Dataset):
    """Tones of two pitches; some clips are silent for a while."""

    def __init__(self, count=400, frames=16, size=32):
        self.kind = rng.integers(0, 2, count)
        pitch = np.where(self.kind, 5, 9)[:, None, None]
        time = np.arange(size)[None, None] / size
        self.sound = np.sin(2 * np.pi * pitch * time + rng.uniform(0, 6, (count, frames, 1)))
        self.sound += 0.1 * rng.normal(size=self.sound.shape)
        self.sound[rng.random(count) < 0.1, :4] = 0

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, index):
        power = np.abs(np.fft.rfft(self.sound[index], axis=1)) ** 2
        with np.errstate(divide="ignore"):
            level = 10 * np.log10(power if broken else np.maximum(power, 1e-6))
        return torch.tensor(level / 20).float(), int(self.kind[index])


loader = DataLoader(Clips(), 20, shuffle=True)
net = nn.Sequential(nn.Flatten(), nn.Linear(16 * 17, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(10):
    total = 0.0
    for level, kind in loader:
        loss = nn.functional.cross_entropy(net(level), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 20
print("end", round(total, 4))
