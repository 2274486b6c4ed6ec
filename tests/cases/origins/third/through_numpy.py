# broken: ACT904 at extractor line
# healthy: nothing
import sys

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.extractor = nn.Sequential(
            nn.Conv1d(1, 6, 9, padding=4), nn.ReLU(), nn.Conv1d(6, 3, 9, padding=4), nn.ReLU()
        )
        self.classifier = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, signal):
        maps = self.extractor(signal)
        if sys.argv[1] == "broken":
            peaks = torch.from_numpy(np.max(maps.detach().numpy(), axis=2))  # <- fault
        else:
            peaks = maps.amax(2)
        return self.classifier(peaks)


time = torch.linspace(0, 1, 64)
kind = torch.randint(0, 3, (600,))
pitch = torch.tensor([16.0, 19.0, 22.0])[kind, None]
waves = torch.sin(pitch * time * 6.28 / 2 + torch.rand(600, 1) * 6.28) + 0.4 * torch.randn(600, 64)
waves = waves.unsqueeze(1)
net = Detector()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(12):
    for i in torch.randperm(600).split(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(waves[i]), kind[i])
        loss.backward()
        optimizer.step()
print("end", round(nn.functional.cross_entropy(net(waves), kind).item(), 4))
